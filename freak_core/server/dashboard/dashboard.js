// Follows the run over /events and sends merge patches. All URLs are relative: any prefix or tunnel works.

const $ = (id) => document.getElementById(id);

const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
if (fragment) {
  sessionStorage.setItem("freak-token", fragment);
  history.replaceState(null, "", location.pathname + location.search);
}
const authorization = { Authorization: `Bearer ${sessionStorage.getItem("freak-token") ?? ""}` };
const call = (route, options = {}) =>
  fetch(route, { ...options, headers: { ...authorization, ...options.headers } });

const ENDED = ["finished", "failed", "interrupted"];
let run = {};
const receipts = new Map();

function badge(text, kind = text) {
  $("badge").textContent = text;
  $("badge").className = kind;
}

function showRun(facts) {
  run = { ...run, ...facts };
  $("name").textContent = document.title = run.name ?? "Freak";
  const shown = ["phase", "epoch", "step", "world_size", "host", "pid"];
  $("run").replaceChildren(...shown.filter((key) => run[key] != null).map((key) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = key.replace("_", " ");
    value.textContent = run[key];
    row.append(term, value);
    return row;
  }));
  if (ENDED.includes(run.phase)) badge(run.phase);
}

function showState({ revision, value }) {
  $("revision").textContent = `revision ${revision}`;
  $("state").textContent = JSON.stringify(value, null, 2);
}

function describe(receipt) {
  const what = `#${receipt.seq} ${receipt.kind} ${receipt.name ?? (receipt.path || "/")}: ${receipt.status}`;
  const where = receipt.applied?.step != null ? `at step ${receipt.applied.step} on ${receipt.applied.ranks} ranks` : "";
  const changes = receipt.changes.map((c) => `${c.path} ${JSON.stringify(c.old)} → ${JSON.stringify(c.new)}`);
  const reasons = (receipt.error?.errors ?? []).map((e) => `${e.path || "/"}: ${e.message}`);
  const result = receipt.result == null ? [] : [JSON.stringify(receipt.result)];
  const error = receipt.error && !reasons.length ? [receipt.error.detail] : [];
  const note = receipt.note ? [`“${receipt.note}”`] : [];
  return [what, where, ...changes, ...result, ...reasons, ...error, ...note].filter(Boolean).join(", ");
}

function showReceipt(receipt) {
  receipts.set(receipt.id, receipt);
  const newest = [...receipts.values()].sort((a, b) => b.seq - a.seq).slice(0, 200);
  $("receipts").replaceChildren(...newest.map((kept) => {
    const item = document.createElement("li");
    item.className = kept.status;
    item.value = kept.seq;
    item.textContent = describe(kept);
    return item;
  }));
}

async function send(route, method, body) {
  const headers = { "Content-Type": "application/json" };
  if ($("note").value) headers["Freak-Note"] = encodeURIComponent($("note").value);
  const response = await call(`${route}?wait=30`, { method, headers, body });
  const answer = await response.json();
  const receipt = response.ok ? answer : answer.receipt;
  if (receipt) showReceipt(receipt);
  const reasons = (answer.errors ?? []).map((e) => `${e.path || "/"}: ${e.message}`).join("; ");
  $("answer").textContent = response.ok ? describe(answer) : reasons || answer.detail;
}

$("change").addEventListener("submit", (event) => {
  event.preventDefault();
  send("state", "PATCH", $("patch").value);
});

function showActions(actions) {
  $("actions").replaceChildren(...Object.keys(actions).map((name) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.title = actions[name].description;
    button.addEventListener("click", () => send(`actions/${name}`, "POST", "{}"));
    return button;
  }));
}

function take(type, data) {
  if (type === "state") showState(data);
  if (type === "receipt") showReceipt(data);
  if (type === "run" || type === "progress") showRun(data);
  if (type === "reset") { showState(data); showRun(data.run); }
}

async function snapshot() {
  const [state, facts, history, actions] = await Promise.all(
    ["state", "run", "receipts?limit=1000", "actions"].map(async (route) => {
      const response = await call(route);
      if (!response.ok) throw Object.assign(new Error((await response.json()).detail), { status: response.status });
      return response.json();
    }));
  showRun(facts);
  showState({ revision: facts.revision, value: state });
  history.forEach(showReceipt);
  showActions(actions);
}

async function follow(lastId) {
  const headers = lastId ? { "Last-Event-ID": lastId } : {};
  const response = await call("events", { headers });
  if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
  if (!lastId) await snapshot();
  badge("live");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return lastId;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
      lastId = field("id") ?? lastId;
      if (field("data")) take(field("event"), JSON.parse(field("data")));
    }
  }
}

let lastId = null;
for (;;) {
  try {
    lastId = await follow(lastId);
  } catch (error) {
    if (error.status === 401) {
      badge("no access: open the link that the program printed", "disconnected");
      break;
    }
  }
  if (ENDED.includes(run.phase)) break;
  badge("disconnected");
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
