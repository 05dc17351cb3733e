// Shows openapi.json, and sends requests. All URLs are relative: any prefix or tunnel works.

const $ = (id) => document.getElementById(id);
const root = new URL(document.documentElement.dataset.root || ".", location.href);

const KEY = `freak-token ${root.pathname}`; // the dashboard's
const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
if (fragment) {
  sessionStorage.setItem(KEY, fragment);
  history.replaceState(null, "", location.pathname + location.search);
}

function element(tag, text = "", ...children) {
  const made = document.createElement(tag);
  made.append(...(text ? [text] : []), ...children);
  return made;
}

function call(route, options = {}) {
  const token = sessionStorage.getItem(KEY) ?? "";
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  return fetch(new URL(route.replace(/^\//, ""), root), { ...options, headers });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function example(schema, components, depth = 0) {
  if (schema.$ref) schema = { ...components[schema.$ref.split("/").pop()], ...schema };
  const choice = (schema.anyOf ?? schema.oneOf ?? [])[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (choice && depth < 5) return example(choice, components, depth + 1);
  if (schema.properties && depth < 5) {
    const required = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, each]) => [name, example(each, components, depth + 1)]));
  }
  const empty = { integer: 0, number: 0, string: "", boolean: false, array: [], object: {} };
  return empty[schema.type] ?? {};
}

function parameterField(parameter) {
  const input = element("input");
  input.name = parameter.name;
  input.required = parameter.required ?? false;
  const about = [parameter.in, parameter.schema?.type, parameter.description].filter(Boolean).join(", ");
  const label = element("label", `${parameter.name} `, input, element("small", about));
  return { label, fill(request) {
    if (!input.value) return;
    if (parameter.in === "path") request.path = request.path.replace(`{${parameter.name}}`, input.value);
    if (parameter.in === "query") request.query.set(parameter.name, input.value);
    if (parameter.in === "header") request.headers[parameter.name] = input.value;
  } };
}

function operationForm(path, method, operation, components) {
  const fields = (operation.parameters ?? []).map(parameterField);
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const body = element("textarea");
  const form = element("form", "", ...fields.map((field) => field.label));
  if (schema) {
    body.value = JSON.stringify(example(schema, components), null, 2);
    body.rows = 4;
    form.append(element("label", "Body ", body), element("pre", JSON.stringify(schema, null, 2)));
  }
  const answer = element("pre");
  form.append(element("button", `Send ${method.toUpperCase()}`), answer);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const request = { path, query: new URLSearchParams(), headers: {} };
    for (const field of fields) field.fill(request);
    if (schema) request.headers["Content-Type"] = "application/json";
    const query = request.query.size ? `?${request.query}` : "";
    const options = { method: method.toUpperCase(), headers: request.headers };
    if (schema) options.body = body.value;
    try {
      const response = await call(request.path + query, options);
      answer.textContent = `${response.status} ${response.statusText}\n${pretty(await response.text())}`;
    } catch (error) {
      answer.textContent = String(error);
    }
  });
  return form;
}

function operationDetails(path, method, operation, components) {
  const about = operation.summary ?? operation.description ?? "";
  const summary = element("summary", "", element("b", method), element("code", path), element("small", about));
  const details = element("details", "", summary);
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    details.append(element("p", operation.description ?? ""));
    if (path === "/events") details.append(element("p", "A stream: follow it with curl -N, or with the client."));
    else details.append(operationForm(path, method, operation, components));
  });
  return details;
}

function show(api) {
  $("title").textContent = document.title = api.info.title;
  const components = api.components.schemas;
  const groups = new Map([["state", []], ["actions", []], ["every program", []]]);
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "every program";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationDetails(path, method, operation, components));
    }
  }
  const sections = [...groups].filter(([, found]) => found.length);
  $("routes").replaceChildren(
    ...sections.map(([tag, found]) => element("section", "", element("h2", tag), ...found)));
}

async function load() {
  $("home").href = root.href;
  $("document").href = new URL("openapi.json", root).href;
  const response = await call("openapi.json").catch(() => null);
  $("access").hidden = response?.status !== 401;
  $("status").textContent = response?.ok ? "" : response ? `${response.status}: a token is needed` : "no answer";
  if (response?.ok) show(await response.json());
}

$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("token").value.trim());
  load();
});
load();
