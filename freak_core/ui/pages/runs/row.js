// A run as the list of all runs describes it, and how it ended as a text.

/**
 * What `GET /runs` says of a run. Null stands for what is not known.
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} phase
 * @property {boolean} alive
 * @property {string | null} error why it failed
 * @property {string | null} stopped_by
 * @property {string | null} reason of the stop
 * @property {number | null} epoch
 * @property {number | null} step
 * @property {Record<string, number | null>} metrics the newest value of each
 * @property {string | null} started_at as RFC 3339
 * @property {string | null} ended_at as RFC 3339
 * @property {number | null} duration_s
 * @property {string | null} host
 * @property {Record<string, string>} launcher the ids of SLURM, torchrun and Kubernetes
 * @property {string | null} group the sweep or SLURM array that it belongs to
 * @property {string[]} steered_by who made requests
 * @property {number | null} requests how many there were
 * @property {string | null} unreadable what is wrong with the run's folder
 * @property {string | null} [unreachable] why a live run does not answer
 * @property {boolean} [stalled] whether a live run makes no progress
 * @property {string} url of its page
 */

/**
 * Return how a run ended, "stopped by ann: good enough", or what is wrong with its folder or with the way to it. Empty for a
 * run that goes on.
 * @param {Row} row
 */
export function ending({ unreadable, unreachable, error, stopped_by: who, reason }) {
  if (unreadable || unreachable) return unreadable || `not reached: ${unreachable}`;
  if (error) return error;
  if (!who && !reason) return "";
  return [who && `stopped by ${who}`, reason].filter(Boolean).join(": ");
}

/**
 * Return whether a row is a folder that does not tell which run it is of. It has no page.
 * @param {Row} row
 */
export const isBroken = ({ phase }) => phase === "broken";
