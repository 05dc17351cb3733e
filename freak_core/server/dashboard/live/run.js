// The run as the server describes it, in signals. A component that reads a signal is drawn again when it changes.

import { batch, computed, signal } from "../vendor.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 */

/**
 * What `GET /run` answers.
 * @typedef {object} Facts
 * @property {string} [id]
 * @property {string} [name]
 * @property {number} [pid]
 * @property {string} [host]
 * @property {string} [phase]
 * @property {string | null} [error]
 * @property {string | null} [ended_at] as RFC 3339, of a run that is read from its folder
 * @property {{why: string}[]} [missing] what the folder of a run that has ended lacks
 * @property {string} [stopped_by] who or what stopped the run before its end
 * @property {string} [reason] why the run was stopped
 * @property {number | null} [revision]
 * @property {string} [access] "reader" for a read-only token
 * @property {number | null} [epoch]
 * @property {number | null} [max_epochs]
 * @property {number | null} [step]
 * @property {number | null} [logged_step] the step that loggers use, if the trainer counts others
 * @property {number | null} [total_steps]
 * @property {number | null} [steps_per_second]
 * @property {number | null} [eta_s]
 * @property {number} [world_size]
 * @property {boolean} [stalled]
 * @property {number | null} [seconds_since_progress]
 * @property {string | null} [paused_since] as RFC 3339
 * @property {string | null} [pause_reason]
 * @property {string | null} [saves_to] the folder of the checkpoints
 * @property {string} [journal] "degraded" if the journal cannot be written
 * @property {string | null} [journal_path]
 * @property {{by_path?: Record<string, string>}} [in_force] what a training's steps use now
 * @property {number} [unrecorded_points] points of metrics that the program could not send
 */

/** @typedef {{description?: string, arguments: Schema, confirm?: boolean}} ActionDescription */

const ENDED = ["finished", "stopped", "failed", "interrupted", "exited", "lost"];

/** "connecting", "live", "disconnected", "denied", or "gone" when another program has the run's address. */
export const connection = signal("connecting");
/** Why access is denied, in the server's words. */
export const denial = signal("");
/** When the server was last heard, in milliseconds since the epoch. */
export const heardAt = signal(Date.now());
export const facts = signal(/** @type {Facts} */ ({}));
/** When `seconds_since_progress` was received, in milliseconds since the epoch. */
export const factsAt = signal(Date.now());
/** The state in JavaScript's numbers. */
export const state = signal(/** @type {Json} */ (null));
/** The state with every number in its original digits (see lib/json.js). */
export const exactState = signal(/** @type {Json} */ (null));
export const revision = signal(0);
/** The ETag of that revision, for If-Match. */
export const etag = computed(() => `"${facts.value.id}-${revision.value}"`);
/** The state's JSON schema. */
export const schema = signal(/** @type {Schema | null} */ (null));
export const actions = signal(/** @type {Record<string, ActionDescription>} */ ({}));
/** @param {string | undefined} phase */
export const isEnding = (phase) => ENDED.includes(phase ?? "");
export const ended = computed(() => isEnding(facts.value.phase));
/** Whether the token is read-only. */
export const readOnly = computed(() => facts.value.access === "reader");
/** What is in force now, as a text for each pointer into the state that can change it. */
export const inForce = computed(() => facts.value.in_force?.by_path ?? {});
/** Whether a change can be sent now. */
export const writable = computed(() => connection.value === "live" && !ended.value && !readOnly.value);

/**
 * Return whether a section of the state has buttons at the top of the page: a training's stop or pause.
 * @param {string} at the section's pointer
 */
export const hasButtons = (at) =>
  (at === "/stop" && state.value?.stop?.should_stop !== undefined) || (at === "/pause" && state.value?.pause?.paused !== undefined);

/** @param {{revision: number, value: Json}} news */
export function takeState({ revision: number, value }) {
  batch(() => {
    revision.value = number;
    exactState.value = value;
    state.value = JSON.parse(JSON.stringify(value));
  });
}

/**
 * Update some facts. Null removes one.
 * @param {Facts} news
 */
export function takeFacts(news) {
  batch(() => {
    if ("seconds_since_progress" in news) factsAt.value = Date.now();
    facts.value = { ...facts.value, ...news };
  });
}

/**
 * Return the facts that a progress event tells. The run made progress, so it is not stalled. Null means no news.
 * @param {Facts} news
 * @returns {Facts}
 */
export function factsOfProgress(news) {
  const told = Object.fromEntries(Object.entries(news).filter(([, value]) => value !== null && value !== undefined));
  return { ...told, stalled: false, seconds_since_progress: 0 };
}
