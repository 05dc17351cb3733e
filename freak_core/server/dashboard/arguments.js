// A small form for the arguments of an action, made from their JSON schema.

import { html } from "./vendor.js";

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

/** Return what a field holds as JSON; undefined where it was left empty. Throws a SyntaxError. */
function entered(argument, field) {
  if (argument.type === "boolean") return field.checked;
  const text = field.value;
  if (text === "") return undefined;
  if (argument.enum) return JSON.parse(text);
  if (argument.type === "string") return text;
  return JSON.parse(text);
}

/** Return the arguments that a form holds; throws an Error with `path` at the first that can't be read. */
export function read(form, known) {
  const body = {};
  for (const argument of known) {
    try {
      const given = entered(argument, form.elements[argument.name]);
      if (given !== undefined && (argument.required || given !== argument.default)) body[argument.name] = given;
    } catch {
      throw Object.assign(new Error(argument.type === "number" || argument.type === "integer" ? "not a number" : "not JSON"), { path: `/${argument.name}` });
    }
  }
  return body;
}

function Input({ argument, described }) {
  const { name, type, enum: choices, required, default: usual } = argument;
  const common = { name, required, ...described };
  const shown = usual == null ? "" : String(usual);
  if (type === "boolean") return html`<input ...${common} required=${false} type="checkbox" defaultChecked=${usual === true} />`;
  if (choices) {
    return html`<select ...${common} defaultValue=${usual === undefined ? "" : JSON.stringify(usual)}>
      ${!required && usual == null && html`<option value=""></option>`}
      ${choices.map((choice) => html`<option key=${choice} value=${JSON.stringify(choice)} selected=${choice === usual}>${String(choice)}</option>`)}
    </select>`;
  }
  if (type === "number" || type === "integer") return html`<input ...${common} type="text" inputmode="decimal" autocomplete="off" placeholder=${shown} />`;
  if (type === "string") return html`<input ...${common} type="text" autocomplete="off" placeholder=${shown} maxlength=${argument.maxLength} />`;
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
