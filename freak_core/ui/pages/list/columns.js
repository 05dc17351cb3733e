// The columns of the list of runs: what each shows, and what it is sorted by.

import { ago, absolute, duration } from "../dashboard/lib/clock.js";
import { short } from "../dashboard/lib/format.js";
import { html } from "../dashboard/vendor.js";
import { ending, isBroken } from "../runs/row.js";

/** @import { Row } from "../runs/row.js" */

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: Row, metric: string) => string | number | null} value what the column is sorted by; null comes last
 * @property {(row: Row, metric: string) => object | string | number | null} cell
 * @property {boolean} [numeric]
 * @property {boolean} [descending] whether the first click sorts from the highest
 */

/** @type {Record<string, string>} */
const SYMBOLS = { finished: "✓", stopped: "■", failed: "✕", interrupted: "✕", exited: "✕", lost: "?", broken: "!", paused: "❙❙", stalled: "▲" };

/**
 * Return the state of a run in a word, and the class of its badge.
 * @param {Row} row
 */
function stateOf({ alive, phase, stalled, unreachable }) {
  if (!alive || phase === "paused") return { word: phase, badge: phase };
  if (unreachable) return { word: phase, badge: "disconnected" };
  return stalled ? { word: "stalled", badge: "stalled" } : { word: phase, badge: "live" };
}

/** @param {{row: Row}} props */
export function State({ row }) {
  const { word, badge } = stateOf(row);
  const symbol = SYMBOLS[word];
  return html`<span class="badge ${badge}" title=${ending(row)}>${symbol && `${symbol} `}${word}</span>`;
}

/** @param {number | null} number */
const whole = (number) => (number === null ? "" : number.toLocaleString("en"));

/**
 * Return the newest value of a metric; undefined if the run has not logged it, null if it is not finite.
 * @param {Row} row
 * @param {string} metric
 */
const newest = ({ metrics }, metric) => (Object.hasOwn(metrics, metric) ? metrics[metric] : undefined);

/**
 * Return who made requests, without the run itself.
 * @param {Row} row
 */
const steerers = ({ steered_by: who }) => who.filter((each) => each !== "freak" && each !== "program");

/**
 * The link to a run's page. The page opens in a new tab, with this tab's token, if the user holds a key down.
 * @param {{row: Row}} props
 */
function Name({ row }) {
  if (isBroken(row)) return html`<span class="name">${row.name}</span>`;
  return html`<a class="name" href=${row.url} data-run=${row.id} onClick=${openBeside} onAuxClick=${openBeside}>${row.name}</a>`;
}

/** @param {MouseEvent & {currentTarget: HTMLAnchorElement}} event */
function openBeside(event) {
  const beside = event.ctrlKey || event.metaKey || event.shiftKey || event.button === 1;
  if (!beside || event.button > 1) return;
  event.preventDefault(); // the browser would open a tab that does not know the token
  window.open(event.currentTarget.href, "_blank");
}

/** @type {Record<string, Column>} */
export const COLUMNS = {
  name: { title: "Name", value: ({ name }) => name, cell: (row) => html`<${Name} row=${row} />` },
  state: { title: "State", value: ({ phase }) => phase, cell: (row) => html`<${State} row=${row} />` },
  ending: { title: "How it ended", value: (row) => ending(row) || null, cell: (row) => html`<span title=${ending(row)}>${ending(row)}</span>` },
  epoch: { title: "Epoch", numeric: true, descending: true, value: ({ epoch }) => epoch, cell: ({ epoch }) => whole(epoch) },
  step: { title: "Step", numeric: true, descending: true, value: ({ step }) => step, cell: ({ step }) => whole(step) },
  metric: {
    title: "Metric",
    numeric: true,
    value: (row, metric) => newest(row, metric) ?? null,
    cell: (row, metric) => (newest(row, metric) === undefined ? "" : short(newest(row, metric) ?? NaN)),
  },
  duration: {
    title: "Duration",
    numeric: true,
    descending: true,
    value: ({ duration_s: seconds }) => seconds,
    cell: ({ duration_s: seconds }) => (seconds === null ? "" : duration(seconds)),
  },
  started: {
    title: "Started",
    descending: true,
    value: ({ started_at: at }) => (at ? Date.parse(at) : null),
    cell: ({ started_at: at }) => (at ? html`<time datetime=${at} title=${absolute(at)}>${ago(at)}</time>` : ""),
  },
  host: { title: "Host", value: ({ host }) => host, cell: ({ host }) => host },
  steered: {
    title: "Steered by",
    value: (row) => steerers(row).join(", ") || null,
    cell: (row) => steerers(row).length > 0 && html`<span title=${row.requests === null ? "" : `${row.requests} ${row.requests === 1 ? "request" : "requests"}`}>${steerers(row).join(", ")}</span>`,
  },
};
