// What is known of the run, as signals: components that read one are drawn anew when it changes.

import { batch, computed, signal } from "../vendor.js";

export const ENDED = ["finished", "failed", "interrupted"];

/** "connecting", "live", "disconnected", "denied". */
export const connection = signal("connecting");
/** Why access is denied, as the server puts it. */
export const denial = signal("");
/** When the server was last heard, in milliseconds since the epoch. */
export const heardAt = signal(Date.now());
/** What `GET /run` answers: name, phase, step, world_size, … */
export const facts = signal({});
/** When `seconds_since_progress` was true, in milliseconds since the epoch. */
export const factsAt = signal(Date.now());
/** The state as JSON, the same with every number as it was written (see json.js), and its revision. */
export const state = signal(null);
export const exact = signal(null);
export const revision = signal(0);
/** ETag of that revision, for If-Match. */
export const etag = computed(() => `"${facts.value.id}-${revision.value}"`);
/** The state's JSON schema, and the actions by name: `{description, arguments, confirm}`. */
export const schema = signal(null);
export const actions = signal({});
/** Every known receipt by its id. */
export const receipts = signal(new Map());
export const newestFirst = computed(() => [...receipts.value.values()].sort((a, b) => b.seq - a.seq));
/** The receipt that the stream told last, to be read out. */
export const newest = signal(null);
export const ended = computed(() => ENDED.includes(facts.value.phase));
/** Whether the token may only read. */
export const readOnly = computed(() => facts.value.access === "reader");
/** Whether a change can be sent now. */
export const writable = computed(() => connection.value === "live" && !ended.value && !readOnly.value);

/** Whether the section at a pointer is a control's that has buttons: a training's stop or pause. */
export const hasButtons = (at) =>
  (at === "/stop" && state.value?.stop?.should_stop !== undefined) || (at === "/pause" && state.value?.pause?.paused !== undefined);

/** Take receipts in; a dry run's has no number and is none of the history. */
export function takeReceipts(news) {
  const all = new Map(receipts.value);
  for (const receipt of news) {
    const known = all.get(receipt.id);
    if (!receipt.seq || (known && known.status !== "accepted" && receipt.status === "accepted")) continue; // an older word on it
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

/** Take facts in; null says that one holds no more. */
export function takeFacts(news) {
  batch(() => {
    if ("seconds_since_progress" in news) factsAt.value = Date.now();
    facts.value = { ...facts.value, ...news };
  });
}

/** Return what progress says of the run: it goes on, so it isn't stalled; null is no news. */
export function progressed(news) {
  const told = Object.fromEntries(Object.entries(news).filter(([, value]) => value != null));
  return { ...told, stalled: false, seconds_since_progress: 0 };
}
