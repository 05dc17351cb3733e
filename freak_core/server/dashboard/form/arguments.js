// A small form for the arguments of an action, made from their JSON schema.

import { parse } from "../lib/json.js";
import { html } from "../vendor.js";

const deref = (schema, root) => (schema.$ref ? { ...root.$defs?.[schema.$ref.split("/").pop()], ...schema } : schema);

/** Return the one schema that says how to enter a value, and whether null is allowed. */
function plain(schema, root) {
  const members = (schema.anyOf ?? schema.oneOf ?? [schema]).map((member) => deref(member, root));
  const others = members.filter((member) => member.type !== "null");
  const one = others.length === 1 ? others[0] : {};
  return { ...one, ...schema, type: one.type, enum: one.enum ?? (one.const === undefined ? undefined : [one.const]), optional: members.length > others.length };
}

/** Return the arguments of an action as `{name, title, required, …its schema}`. */
export const argumentsOf = ({ arguments: root }) =>
  Object.entries(root?.properties ?? {}).map(([name, schema]) => ({
    ...plain(deref(schema, root), root),
    name,
    title: schema.title ?? name,
    required: root.required?.includes(name) ?? false,
  }));

const isSecret = ({ format, writeOnly }) => format === "password" || writeOnly === true;

/** Whether a field begins with the default in it, so that an empty one means an empty text. */
const filled = (argument) => argument.type === "string" && typeof argument.default === "string" && !argument.enum && !isSecret(argument);

/** Return the values to choose from, with null where it is allowed; null where there are no such. */
function choicesOf({ type, enum: values, optional }) {
  const choices = values ?? (type === "boolean" && optional ? [true, false] : null);
  return choices && optional && !choices.includes(null) ? [null, ...choices] : choices;
}

/** Return what a text says as JSON, null is that of a box without a tick; undefined for a field left empty. Throws a SyntaxError. */
function entered(argument, text) {
  const choices = choicesOf(argument);
  if (argument.type === "boolean" && !choices) return text !== null;
  if (text === "" && !filled(argument)) return undefined;
  return argument.type === "string" && !choices ? text : parse(text);
}

/** Return the arguments that a form holds; throws an Error with `path` at the first that can't be read. */
export function read(form, known) {
  const body = {};
  const texts = new FormData(form); // `form.elements` has properties of its own, which an argument may be called like
  for (const argument of known) {
    try {
      const given = entered(argument, texts.get(argument.name));
      if (given !== undefined && (argument.required || given !== argument.default)) body[argument.name] = given;
    } catch {
      throw Object.assign(new Error(argument.type === "number" || argument.type === "integer" ? "not a number" : "not JSON"), { path: `/${argument.name}` });
    }
  }
  return body;
}

function Input({ argument, described }) {
  const { name, type, required, default: usual } = argument;
  const common = { name, required, ...described };
  const shown = usual == null ? "" : String(usual);
  const choices = choicesOf(argument);
  if (choices) {
    return html`<select ...${common}>
      ${!required && usual === undefined && html`<option value=""></option>`}
      ${choices.map((choice) => html`<option key=${choice} value=${JSON.stringify(choice)} selected=${choice === usual}>${choice === null ? "none" : String(choice)}</option>`)}
    </select>`;
  }
  if (type === "boolean") return html`<input ...${common} required=${false} type="checkbox" defaultChecked=${usual === true} />`;
  if (type === "number" || type === "integer") return html`<input ...${common} type="text" inputmode="decimal" autocomplete="off" placeholder=${shown} />`;
  if (type === "string" && isSecret(argument)) return html`<input ...${common} type="password" autocomplete="new-password" placeholder=${shown} />`;
  if (type === "string" && shown.includes("\n")) return html`<textarea ...${common} rows="2" defaultValue=${shown} maxlength=${argument.maxLength}></textarea>`;
  if (type === "string") return html`<input ...${common} type="text" autocomplete="off" defaultValue=${filled(argument) ? usual : ""} maxlength=${argument.maxLength} />`;
  return html`<textarea ...${common} rows="2" spellcheck=${false} placeholder=${usual === undefined ? "JSON" : JSON.stringify(usual)}></textarea>`;
}

/** The fields; `errors` has the reasons for a refusal, with their paths. */
export function Arguments({ known, errors }) {
  return known.map((argument) => {
    const { name, title, type, description, required } = argument;
    const error = errors.find(({ path }) => path === `/${name}` || path?.startsWith(`/${name}/`))?.message;
    const hint = `argument-${name}-hint`;
    const described = { "aria-describedby": hint, "aria-invalid": error ? "true" : undefined };
    return html`<div class="argument ${type === "boolean" ? "check" : ""}" key=${name}>
      <label><span>${title}${required && html` <abbr title="needed">*</abbr>`}</span><${Input} ...${{ argument, described }} /></label>
      <small id=${hint} class=${error ? "bad" : ""}>${error ?? description ?? ""}</small>
    </div>`;
  });
}
