// The next fit of the same program: a sweep, or a script with several fits, has one after the other.

import { signal } from "../vendor.js";
import { get, HttpError } from "./api.js";
import { facts } from "./run.js";
import { listUrl } from "./token.js";

/** A run that has ended, and after which the page went on to the next. @typedef {{id: string, name: string, phase: string, url: string | null}} Fit `url`: of its page, if it still has one */

const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 15_000;
const KEY = `freak-fit-before ${location.pathname}`;
const GOING_ON = "freak-going-on";

/** The run that the page showed before this one. */
export const fitBefore = signal(/** @type {Fit | null} */ (null));
/** The next fit, while the page stays at the one that has ended. */
export const fitAfter = signal(/** @type {{name: string, url: string} | null} */ (null));

/** Whether another run has the address of the one that has ended, with a token of its own. */
export const addressTaken = signal(false);

const stored = sessionStorage.getItem(KEY);
if (stored) fitBefore.value = JSON.parse(stored);

/** Whether another fit's page has just gone on to this one. Not so after a reload, or a step back. */
const wentOn = sessionStorage.getItem(GOING_ON) !== null;
sessionStorage.removeItem(GOING_ON);

/** Forget which run the page showed before. */
export function forgetFitBefore() {
  sessionStorage.removeItem(KEY);
  fitBefore.value = null;
}

/** @param {number} ms */
const wait = (ms) => /** @type {Promise<void>} */ (new Promise((resolve) => { setTimeout(resolve, ms); }));

/** Return the run that the page shows, which has ended. @returns {Fit} */
const thisFit = () => ({ id: facts.value.id ?? "", name: facts.value.name ?? "", phase: facts.value.phase ?? "", url: listUrl && location.pathname });

/**
 * Wait for the next fit of the program whose run has ended. Return whether this address has it now. If another one has it,
 * the page goes there, unless it was opened after the end: then the user wants to see the run that has ended.
 * @param {boolean} wasLive whether the page has seen the run live
 */
export async function nextFit(wasLive) {
  const fit = thisFit();
  for (let ms = FIRST_WAIT_MS; ; ms = Math.min(LONGEST_WAIT_MS, ms * 1.2)) {
    await wait(ms);
    if (document.hidden) continue;
    try {
      if (listUrl ? await goToNext(listUrl, fit, wasLive) : await isNext(fit)) return !listUrl;
    } catch (error) {
      if (!(error instanceof HttpError) || (error.status !== 401 && error.status !== 403)) continue;
      addressTaken.value = true; // by a run with another token: this page may not know it
      return false;
    }
  }
}

/**
 * Return whether another run has this address now.
 * @param {Fit} fit
 */
const isNext = async (fit) => (await get("run")).id !== fit.id;

/** Remember the run that the page shows: another one is about to take its place. */
export const rememberFit = () => { fitBefore.value = thisFit(); };

/**
 * Ask for the next fit and go to its page, or offer it. Return whether there is one.
 * @param {URL} list
 * @param {Fit} fit
 * @param {boolean} wasLive
 */
async function goToNext(list, fit, wasLive) {
  const { next } = await get(new URL(`next?${new URLSearchParams({ after: fit.id })}`, list).href);
  if (next === null) return false;
  const url = new URL(next.url, list);
  fitAfter.value = { name: next.name, url: url.pathname };
  if (!wasLive && !wentOn) return true;
  sessionStorage.setItem(GOING_ON, "");
  sessionStorage.setItem(`freak-fit-before ${url.pathname}`, JSON.stringify(fit));
  location.assign(url.pathname);
  return true;
}
