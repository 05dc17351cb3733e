// A request that a button sends, and its status beside the button.

import { html, useState } from "../vendor.js";
import { send } from "./api.js";
import { reasons, where } from "./receipt-text.js";
import { receipts, takeReceipts } from "./receipts.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Accepted, Problem, Refused, WriteOptions } from "./api.js"
 * @import { Receipt } from "./receipts.js"
 */

/**
 * @typedef {object} ButtonRequest
 * @property {(method: string, route: string, body?: Json, options?: WriteOptions) => Promise<Accepted | Refused>} ask
 * @property {Receipt | null} receipt the last request's, as new as this page knows
 * @property {Problem | null} problem why the last request was refused or failed
 * @property {boolean} busy whether the last request is still being sent or waits to be applied
 */

/** @returns {ButtonRequest} */
export function useRequest() {
  const [last, setLast] = useState(/** @type {{sending?: boolean, id?: string, problem?: Problem | null}} */ ({}));
  /** @type {ButtonRequest["ask"]} */
  async function ask(method, route, body, options) {
    setLast({ sending: true });
    const answer = await send(method, route, body, options);
    if (answer.receipt) takeReceipts([answer.receipt]);
    setLast({ id: answer.receipt?.id, problem: answer.problem });
    return answer;
  }
  const receipt = receipts.value.get(last.id ?? "") ?? null;
  const problem = last.problem ?? (receipt?.status === "failed" ? receipt.error : null) ?? null;
  return { ask, receipt, problem, busy: Boolean(last.sending) || receipt?.status === "accepted" };
}

/**
 * The status of a request in a line.
 * @param {{request: ButtonRequest, done?: (receipt: Receipt) => string}} props `done` returns the text for an applied request
 */
export function RequestStatus({ request, done }) {
  const { receipt, problem, busy } = request;
  let text = "";
  if (problem) text = reasons(problem);
  else if (busy) text = receipt ? `#${receipt.seq} waits for the program's next safe point` : "sending…";
  else if (receipt?.status === "cancelled") text = `#${receipt.seq} was cancelled`;
  else if (receipt) text = `${done?.(receipt) ?? "done"}${where(receipt)}`;
  return text && html`<p class="outcome ${problem ? "bad" : busy ? "waits" : "good"}" role="status">${text}</p>`;
}
