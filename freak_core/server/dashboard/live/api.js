// Requests to the server. All URLs are relative, so that the page works behind any prefix or tunnel.

import { parse, stringify } from "../lib/json.js";
import { authorization } from "./token.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Receipt } from "./receipts.js"
 */

/**
 * Why the server refuses a request: a problem document (RFC 9457).
 * @typedef {{path?: string, message: string}} ProblemError
 * @typedef {{title?: string, detail?: string, errors?: ProblemError[], receipt?: Receipt}} Problem
 */

/**
 * What became of a write. Status 0: the server could not be reached.
 * @typedef {{ok: true, status: number, receipt: Receipt, problem: null}} Accepted
 * @typedef {{ok: false, status: number, receipt: Receipt | null, problem: Problem}} Refused
 */

/**
 * @typedef {object} WriteOptions
 * @property {string} [note] a note for the journal
 * @property {string} [ifMatch] the ETag that the state must still have
 * @property {boolean} [dryRun] validate only
 * @property {number} [wait] seconds to wait for the receipt
 * @property {string} [key] the Idempotency-Key
 */

const RETRY_AFTER_MS = [500, 1500, 3000];
const ANSWER_WITHIN_MS = 20_000;

/** An error of a route: `status` is the HTTP status. */
export class HttpError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Return an HttpError for a response that is not ok, with the server's reason.
 * @param {Response} response
 */
export async function httpError(response) {
  const problem = await response.json().catch(() => ({}));
  return new HttpError(problem.detail ?? response.statusText, response.status);
}

/**
 * Fetch a route and return the response. Rejects if the server can't be reached or does not answer within 20 seconds:
 * a dead network can keep a connection open for ever. A `signal` in the options replaces that timeout.
 * @param {string} route
 * @param {RequestInit} [options]
 */
export const call = (route, options = {}) =>
  fetch(route, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...options, headers: { ...authorization(), ...options.headers } });

/**
 * Return the JSON of a route. Values of the state keep the digits of their numbers. Throws an HttpError if the server
 * refuses.
 * @param {string} route
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function get(route, options) {
  const response = await call(route, options);
  if (!response.ok) throw await httpError(response);
  return /^(state|receipts)\b/.test(route) ? parse(await response.text()) : response.json();
}

/** Return a new Idempotency-Key. `crypto.randomUUID` does not exist on a page that came over plain HTTP. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Return the headers of a write.
 * @param {string} method
 * @param {Json} body
 * @param {WriteOptions} options
 */
function writeHeaders(method, body, { note, ifMatch, dryRun, key = newKey() }) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (note) headers["Freak-Note"] = encodeURIComponent(note);
  if (ifMatch) headers["If-Match"] = ifMatch;
  if (!dryRun && method !== "DELETE") headers["Idempotency-Key"] = key;
  return headers;
}

/**
 * Send a write and return what became of it. Never throws. If the server can't be reached, the write is sent again
 * three times with the same Idempotency-Key, so that it is applied once.
 * @param {string} method
 * @param {string} route
 * @param {Json} [body]
 * @param {WriteOptions} [options]
 * @returns {Promise<Accepted | Refused>}
 */
export async function send(method, route, body, options = {}) {
  const { dryRun, wait } = options;
  const query = new URLSearchParams({ ...(dryRun && { dry_run: "true" }), ...(wait && { wait: String(wait) }) });
  const request = {
    method, headers: writeHeaders(method, body, options), body: body === undefined ? undefined : stringify(body),
  };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await call(query.size ? `${route}?${query}` : route, request);
      const answer = parse(await response.text());
      return response.ok
        ? { ok: true, status: response.status, receipt: answer, problem: null }
        : { ok: false, status: response.status, receipt: answer.receipt ?? null, problem: answer };
    } catch {
      if (dryRun || attempt === RETRY_AFTER_MS.length) {
        return { ok: false, status: 0, receipt: null, problem: { title: "not reached", detail: "the server does not answer", errors: [] } };
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS[attempt]));
    }
  }
}
