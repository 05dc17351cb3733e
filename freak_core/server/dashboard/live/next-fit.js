// The next fit of the same program: a sweep, or a script with several fits, has one after the other.

import { signal } from "../vendor.js";
import { get, HttpError } from "./api.js";
import { facts } from "./run.js";
import { listUrl, storeToken } from "./token.js";

/** A run that has ended, and after which the page went on to the next. @typedef {{id: string, name: string, phase: string, url: string | null}} Fit `url`: of its page, if it still has one */

const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 15_000;
const KEY = `freak-fit-before ${location.pathname}`;
const GOING_ON = "freak-going-on";

/** The run that the page showed before this one. */
export const fitBefore = signal(/** @type {Fit | null} */ (null));
/** The next fit, while the page stays at the one that has ended. */
export const fitAfter = signal(/** @type {{name: string, url: string} | null} */ (null));

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
export const thisFit = () => ({ id: facts.value.id ?? "", name: facts.value.name ?? "", phase: facts.value.phase ?? "", url: listUrl && location.pathname });

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
      if (error instanceof HttpError && error.token !== null) {
        goOn(fit, error.token);
        return true;
      }
      if (error instanceof HttpError && (error.status === 401 || error.status === 403)) return false; // another program's run
    }
  }
}

/**
 * Go on with the next fit at this address, which has a token of its own.
 * @param {Fit} fit
 * @param {string} token
 */
export function goOn(fit, token) {
  storeToken(token);
  fitBefore.value = fit;
}

/**
 * Return whether another run has this address now, and remember the one before.
 * @param {Fit} fit
 */
async function isNext(fit) {
  const { id } = await get("run");
  if (id === fit.id) return false;
  fitBefore.value = fit;
  return true;
}

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
