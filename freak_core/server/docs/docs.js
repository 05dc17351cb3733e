// Shows openapi.json and sends requests. All URLs are relative, so that the page works behind any prefix or tunnel.

/**
 * @typedef {Record<string, any>} JsonSchema
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: JsonSchema}} Parameter
 * @typedef {object} Operation
 * @property {string} [summary]
 * @property {string} [description]
 * @property {string[]} [tags]
 * @property {Parameter[]} [parameters]
 * @property {{content: Record<string, {schema: JsonSchema}>}} [requestBody]
 * @typedef {{info: {title: string}, paths: Record<string, Record<string, Operation>>, components: {schemas: Record<string, JsonSchema>}}} OpenApi
 * @typedef {{path: string, query: URLSearchParams, headers: Record<string, string>}} DraftRequest
 */

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const tokenField = /** @type {HTMLInputElement} */ (byId("token"));
const root = new URL(document.documentElement.dataset.root || ".", location.href);

const KEY = `freak-token ${root.pathname}`; // the dashboard uses the same
const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
if (fragment) {
  sessionStorage.setItem(KEY, fragment);
  history.replaceState(null, "", location.pathname + location.search);
}

/**
 * Return a new element with a text and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [text]
 * @param {Node[]} children
 */
function element(tag, text = "", ...children) {
  const made = document.createElement(tag);
  made.append(...(text ? [text] : []), ...children);
  return made;
}

/**
 * @param {string} route
 * @param {RequestInit} [options]
 */
function call(route, options = {}) {
  const token = sessionStorage.getItem(KEY) ?? "";
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  return fetch(new URL(route.replace(/^\//, ""), root), { ...options, headers });
}

/**
 * Return a JSON text with indents; any other text as it is.
 * @param {string} text
 */
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** @type {Record<string, unknown>} */
const EMPTY = { integer: 0, number: 0, string: "", boolean: false, array: [], object: {} };
const DEEPEST = 5; // a schema may contain itself

/**
 * Return a value that a schema allows.
 * @param {JsonSchema} raw
 * @param {Record<string, JsonSchema>} components
 * @param {number} [depth]
 * @returns {unknown}
 */
function example(raw, components, depth = 0) {
  const schema = raw.$ref ? { ...components[raw.$ref.split("/").pop()], ...raw } : raw;
  const known = [schema.default, schema.const, schema.enum?.[0]].find((value) => value !== undefined);
  if (known !== undefined) return known;
  const choice = (schema.anyOf ?? schema.oneOf ?? [])[0];
  if (choice && depth < DEEPEST) return example(choice, components, depth + 1);
  if (schema.properties && depth < DEEPEST) {
    const required = Object.entries(schema.properties).filter(([name]) => schema.required?.includes(name));
    return Object.fromEntries(required.map(([name, each]) => [name, example(each, components, depth + 1)]));
  }
  return EMPTY[schema.type] ?? {};
}

/**
 * Return a field for a parameter: its label, and a function that puts its value into a request.
 * @param {Parameter} parameter
 */
function parameterField(parameter) {
  const input = element("input");
  input.name = parameter.name;
  input.required = parameter.required ?? false;
  const about = [parameter.in, parameter.schema?.type, parameter.description].filter(Boolean).join(", ");
  const label = element("label", `${parameter.name} `, input, element("small", about));
  /** @param {DraftRequest} request */
  function fill(request) {
    if (!input.value) return;
    if (parameter.in === "path") request.path = request.path.replace(`{${parameter.name}}`, input.value);
    if (parameter.in === "query") request.query.set(parameter.name, input.value);
    if (parameter.in === "header") request.headers[parameter.name] = input.value;
  }
  return { label, fill };
}

/**
 * Send a request; return its status and body as a text.
 * @param {DraftRequest} request
 * @param {RequestInit} options
 */
async function answerTo({ path, query }, options) {
  try {
    const response = await call(query.size ? `${path}?${query}` : path, options);
    return `${response.status} ${response.statusText}\n${indented(await response.text())}`;
  } catch (error) {
    return String(error);
  }
}

/**
 * Return the form that sends requests to an operation.
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {Record<string, JsonSchema>} components
 */
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
    /** @type {DraftRequest} */
    const request = { path, query: new URLSearchParams(), headers: schema ? { "Content-Type": "application/json" } : {} };
    for (const field of fields) field.fill(request);
    const options = { method: method.toUpperCase(), headers: request.headers, ...(schema && { body: body.value }) };
    answer.textContent = await answerTo(request, options);
  });
  return form;
}

/**
 * Return an operation, closed. Its form is made when it is opened first.
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {Record<string, JsonSchema>} components
 */
function operationDetails(path, method, operation, components) {
  const about = operation.summary ?? operation.description ?? "";
  const summary = element("summary", "", element("b", method), element("code", path), element("small", about));
  const details = element("details", "", summary);
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    details.append(element("p", operation.description ?? ""));
    if (path === "/events") details.append(element("p", "This is a stream. Follow it with curl -N or with the Python client."));
    else details.append(operationForm(path, method, operation, components));
  });
  return details;
}

/** @param {OpenApi} api */
function show(api) {
  byId("title").textContent = document.title = api.info.title;
  const components = api.components.schemas;
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map([["state", []], ["actions", []], ["every program", []]]);
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "every program";
      groups.set(tag, [...(groups.get(tag) ?? []), operationDetails(path, method, operation, components)]);
    }
  }
  const sections = [...groups].filter(([, found]) => found.length);
  byId("routes").replaceChildren(...sections.map(([tag, found]) => element("section", "", element("h2", tag), ...found)));
}

async function load() {
  /** @type {HTMLAnchorElement} */ (byId("home")).href = root.href;
  /** @type {HTMLAnchorElement} */ (byId("document")).href = new URL("openapi.json", root).href;
  const response = await call("openapi.json").catch(() => null);
  byId("access").hidden = response?.status !== 401;
  byId("status").textContent = response?.ok ? "" : response ? `${response.status}: a token is needed` : "the server does not answer";
  if (response?.ok) show(await response.json());
}

byId("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, tokenField.value.trim());
  load();
});
load();
