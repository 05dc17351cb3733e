// Requests to the server. All URLs are relative, so that any prefix or tunnel works.

import { parse, stringify } from "../lib/json.js";
import { authorization } from "./token.js";

const REPEAT_AFTER_MS = [500, 1500, 3000];
const ANSWER_WITHIN_MS = 20_000;

/**
 * Fetch a route; the caller reads the response. Rejects where the server can't be reached, and where the answer is
 * not there in time, which a `signal` of one's own decides otherwise: a dead network keeps a connection open for ever.
 */
export const call = (route, options = {}) =>
  fetch(route, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...options, headers: { ...authorization(), ...options.headers } });

/** Return the JSON of a response; of what holds values of the state with every number as it was written. */
const read = async (response, route) => (/^(state|receipts)\b/.test(route) ? parse(await response.text()) : response.json());

/** Return the JSON of a route; throws an Error with `status` where the server refuses. */
export async function get(route, options) {
  const response = await call(route, options);
  if (response.ok) return read(response, route);
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? response.statusText), { status: response.status, problem });
}

/** Return a new Idempotency-Key; `crypto.randomUUID` is missing on plain http of other hosts. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Send a write and return `{ok, status, receipt, problem}`: what became of it. Never throws: a server that can't be
 * reached is `{ok: false, status: 0}`, after some tries with one and the same key, so that it is carried out once.
 */
export async function send(method, route, body, { note, ifMatch, dryRun, wait, key = newKey() } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (note) headers["Freak-Note"] = encodeURIComponent(note);
  if (ifMatch) headers["If-Match"] = ifMatch;
  if (!dryRun && method !== "DELETE") headers["Idempotency-Key"] = key;
  const options = new URLSearchParams();
  if (dryRun) options.set("dry_run", "true");
  if (wait) options.set("wait", wait);
  const query = options.size ? `?${options}` : "";
  const request = { method, headers, body: body === undefined ? undefined : stringify(body) };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await call(route + query, request);
      const answer = parse(await response.text());
      return response.ok
        ? { ok: true, status: response.status, receipt: answer, problem: null }
        : { ok: false, status: response.status, receipt: answer.receipt ?? null, problem: answer };
    } catch {
      if (dryRun || attempt === REPEAT_AFTER_MS.length) {
        return { ok: false, status: 0, receipt: null, problem: { title: "not reached", detail: "the server does not answer", errors: [] } };
      }
      await new Promise((resolve) => setTimeout(resolve, REPEAT_AFTER_MS[attempt]));
    }
  }
}

/** Return the pieces of a JSON Pointer. */
export const pieces = (pointer) =>
  pointer.split("/").slice(1).map((piece) => piece.replaceAll("~1", "/").replaceAll("~0", "~"));

/** Return the JSON Pointer of some pieces. */
export const pointer = (keys) =>
  keys.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
