// The filter of the list: words, and comparisons such as `loss<0.3` or `state=failed`.

import { ending } from "../runs/row.js";

/** @import { Row } from "../runs/row.js" */

const COMPARISON = /^([^<>=!]+)(<=|>=|!=|<|>|=)(.+)$/;

/** @type {Record<string, (row: Row) => string>} */
const TEXTS = {
  name: ({ name }) => name,
  state: ({ phase, alive }) => (alive ? `${phase} live` : phase),
  host: ({ host }) => host ?? "",
  group: ({ group }) => group ?? "",
  id: ({ id }) => id,
  steered: ({ steered_by: who }) => who.join(" "),
  ended: ending,
};

/**
 * Return the number that a name stands for; null if the run does not have it.
 * @param {Row} row
 * @param {string} name
 */
function numberOf(row, name) {
  if (Object.hasOwn(row.metrics, name)) return row.metrics[name];
  return { epoch: row.epoch, step: row.step, duration: row.duration_s, requests: row.requests }[name] ?? null;
}

/**
 * @param {number} one
 * @param {string} sign
 * @param {number} other
 */
function holds(one, sign, other) {
  switch (sign) {
    case "<": return one < other;
    case ">": return one > other;
    case "<=": return one <= other;
    case ">=": return one >= other;
    case "!=": return one !== other;
    default: return one === other;
  }
}

/**
 * Return the test that one word of the filter stands for.
 * @param {string} word in lower case
 * @returns {(row: Row) => boolean}
 */
function testOf(word) {
  const [, name, sign, wanted] = COMPARISON.exec(word) ?? [];
  const number = Number(wanted);
  if (name !== undefined && name in TEXTS && (sign === "=" || sign === "!=")) {
    return (row) => TEXTS[name](row).toLowerCase().includes(wanted) === (sign === "=");
  }
  if (name !== undefined && wanted !== "" && !Number.isNaN(number)) {
    return (row) => {
      const found = numberOf(row, nameIn(row, name));
      return found !== null && holds(found, sign, number);
    };
  }
  return (row) => Object.values(TEXTS).some((text) => text(row).toLowerCase().includes(word));
}

/**
 * Return the name of a metric as the run writes it: the filter is in lower case.
 * @param {Row} row
 * @param {string} name
 */
const nameIn = ({ metrics }, name) => Object.keys(metrics).find((each) => each.toLowerCase() === name) ?? name;

/**
 * Return whether a row passes the filter: each word of it must hold.
 * @param {string} filter
 * @returns {(row: Row) => boolean}
 */
export function filterOf(filter) {
  const tests = filter.toLowerCase().split(/\s+/).filter(Boolean).map(testOf);
  return (row) => tests.every((test) => test(row));
}
