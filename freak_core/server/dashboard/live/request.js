// A request that a button makes, and what became of it, told next to the button.

import { send } from "./api.js";
import { receipts, takeReceipts } from "./run.js";
import { reasons, where } from "./receipt-text.js";
import { html, useState } from "../vendor.js";

/** Return `{ask, busy, receipt, problem}`; the receipt is the newest word on the last request. */
export function useRequest() {
  const [last, setLast] = useState({});
  async function ask(method, route, body, options) {
    setLast({ sending: true });
    const answer = await send(method, route, body, options);
    if (answer.receipt) takeReceipts([answer.receipt]);
    setLast({ id: answer.receipt?.id, problem: answer.ok ? null : answer.problem });
    return answer;
  }
  const receipt = receipts.value.get(last.id) ?? null;
  const problem = last.problem ?? (receipt?.status === "failed" ? receipt.error : null);
  return { ask, receipt, problem, busy: Boolean(last.sending) || receipt?.status === "accepted" };
}

/** What became of a request; `done` says it for one that was applied. */
export function Outcome({ request, done }) {
  const { receipt, problem, busy } = request;
  let text = "";
  if (problem) text = reasons(problem);
  else if (busy) text = receipt ? `#${receipt.seq} waits for the program's next safe point` : "sending…";
  else if (receipt?.status === "cancelled") text = `#${receipt.seq} was cancelled`;
  else if (receipt) text = `${done?.(receipt) ?? "done"}${where(receipt)}`;
  return text && html`<p class="outcome ${problem ? "bad" : busy ? "waits" : "good"}" role="status">${text}</p>`;
}
