// Follows the run: one snapshot, then every event. Reconnects by itself and catches up where it was.

import { call, get } from "./api.js";
import { parse } from "./json.js";
import { actions, connection, ended, facts, schema, takeFacts, takeReceipts, takeState } from "./run.js";
import { loadSeries, takeMetrics } from "./series.js";

const RETRY_MS = 1000;

async function snapshot() {
  const [run, value, history, described, callable] = await Promise.all(
    ["run", "state", "receipts?last=1000", "schema", "actions"].map(get),
  );
  facts.value = run;
  takeState({ revision: run.revision, value });
  takeReceipts(history);
  schema.value = described;
  actions.value = callable;
  await loadSeries();
}

function take(type, data) {
  if (type === "state") takeState(data);
  if (type === "receipt") takeReceipts([data]);
  if (type === "run" || type === "progress") takeFacts(data);
  if (type === "metrics") takeMetrics(data);
}

/** Read the stream until it ends; calls `seen` with the id of each event. */
async function follow(lastId, seen) {
  const response = await call("events", { headers: lastId ? { "Last-Event-ID": lastId } : {} });
  if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
  if (!lastId) await snapshot();
  connection.value = "live";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
      const data = field("data") && (field("event") === "state" ? parse : JSON.parse)(field("data"));
      if (data && field("event") === "reset") await snapshot(); // more was missed than the server remembers
      else if (data) take(field("event"), data);
      if (field("id")) seen(field("id"));
    }
  }
}

/** Follow the run until it has ended or access is denied. */
export async function followRun() {
  let lastId = null;
  while (!ended.value) {
    try {
      await follow(lastId, (id) => { lastId = id; });
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        connection.value = "denied";
        return;
      }
    }
    if (!ended.value) {
      connection.value = "disconnected";
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

// The pace and the silence of a run aren't events: ask for them while someone looks.
setInterval(async () => {
  if (connection.value !== "live" || document.hidden || ended.value) return;
  try {
    takeFacts(await get("run"));
  } catch { /* the stream notices */ }
}, 2000);
