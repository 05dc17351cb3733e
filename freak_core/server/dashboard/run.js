// What is known of the run, as signals: components that read one are drawn anew when it changes.

import { batch, computed, signal } from "./vendor.js";

export const ENDED = ["finished", "failed", "interrupted"];

/** "connecting", "live", "disconnected", "denied". */
export const connection = signal("connecting");
/** What `GET /run` answers: name, phase, step, world_size, … */
export const facts = signal({});
/** The state as JSON, the same with every number as it was written (see json.js), and its revision. */
export const state = signal(null);
export const exact = signal(null);
export const revision = signal(0);
/** ETag of that revision, for If-Match. */
export const etag = computed(() => `"${facts.value.id}-${revision.value}"`);
/** The state's JSON schema, and the actions by name: `{description, parameters, …}`. */
export const schema = signal(null);
export const actions = signal({});
/** Every known receipt by its id. */
export const receipts = signal(new Map());
export const newestFirst = computed(() => [...receipts.value.values()].sort((a, b) => b.seq - a.seq));
export const ended = computed(() => ENDED.includes(facts.value.phase));
/** Whether a change can be sent now. */
export const writable = computed(() => connection.value === "live" && !ended.value);

export function takeReceipts(news) {
  const all = new Map(receipts.value);
  for (const receipt of news) {
    const known = all.get(receipt.id);
    if (known && known.status !== "accepted" && receipt.status === "accepted") continue; // an older word on it
    all.set(receipt.id, receipt);
  }
  receipts.value = all;
}

export function takeState({ revision: number, value }) {
  batch(() => {
    revision.value = number;
    exact.value = value;
    state.value = JSON.parse(JSON.stringify(value));
  });
}

export function takeFacts(news) {
  const told = Object.entries(news).filter(([, value]) => value !== null && value !== undefined);
  facts.value = { ...facts.value, ...Object.fromEntries(told) };
}
