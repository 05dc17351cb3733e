// A small form for the arguments of an action, made from their JSON schema.

import { parse } from "../lib/json.js";
import { html } from "../vendor.js";

/**
 * @import { Json } from "../lib/json.js"
 * @import { Schema } from "../lib/json-schema.js"
 * @import { ProblemError } from "../live/api.js"
 * @import { ActionDescription } from "../live/run.js"
 */

/** @typedef {Omit<Schema, "required"> & {name: string, title: string, required: boolean, optional: boolean}} Argument `optional`: null is allowed */

/** An argument that cannot be read. `path` is its pointer. */
export class ArgumentError extends Error {
  /**
   * @param {string} message
   * @param {string} path
   */
  constructor(message, path) {
    super(message);
    this.path = path;
  }
}

/**
 * @param {Schema} schema
 * @param {Schema} root
 * @returns {Schema}
 */
const resolved = (schema, root) => (schema.$ref ? { ...root.$defs?.[schema.$ref.split("/").pop() ?? ""], ...schema } : schema);

/**
 * Return a schema without its union with null. A union of several types has no type, and is entered as JSON.
 * @param {Schema} schema
 * @param {Schema} root
 */
function withoutNull(schema, root) {
  const members = (schema.anyOf ?? schema.oneOf ?? [schema]).map((member) => resolved(member, root));
  const others = members.filter((member) => member.type !== "null");
  const only = others.length === 1 ? others[0] : {};
  const choices = only.enum ?? (only.const === undefined ? undefined : [only.const]);
  return { ...only, ...schema, type: only.type, enum: choices, optional: members.length > others.length };
}

/**
 * Return the arguments of an action.
 * @param {ActionDescription} action
 * @returns {Argument[]}
 */
export const argumentsOf = ({ arguments: root }) =>
  Object.entries(root?.properties ?? {}).map(([name, schema]) => ({
    ...withoutNull(resolved(schema, root), root),
    name,
    title: schema.title ?? name,
    required: root.required?.includes(name) ?? false,
  }));

/** @param {Argument} argument */
const isSecret = ({ format, writeOnly }) => format === "password" || writeOnly === true;

/**
 * Return whether a field starts with the default in it, so that an empty field means an empty text.
 * @param {Argument} argument
 */
const startsWithDefault = (argument) =>
  argument.type === "string" && typeof argument.default === "string" && !argument.enum && !isSecret(argument);

/**
 * Return the values to choose from, null among them if it is allowed. Null for an argument without choices.
 * @param {Argument} argument
 * @returns {Json[] | null}
 */
function choicesOf({ type, enum: values, optional }) {
  const choices = values ?? (type === "boolean" && optional ? [true, false] : null);
  return choices && optional && !choices.includes(null) ? [null, ...choices] : choices;
}

/**
 * Return the value of a field, undefined if it was left empty. Throws a SyntaxError.
 * @param {Argument} argument
 * @param {string | null} text null for an unchecked checkbox
 * @returns {Json}
 */
function readField(argument, text) {
  const choices = choicesOf(argument);
  if (argument.type === "boolean" && !choices) return text !== null;
  if (text === null || (text === "" && !startsWithDefault(argument))) return undefined;
  return argument.type === "string" && !choices ? text : parse(text);
}

/** @param {Argument} argument */
const isNumeric = ({ type }) => type === "number" || type === "integer";

/**
 * Return the arguments that a form contains. Throws an ArgumentError for the first that can't be read.
 * @param {HTMLFormElement} form
 * @param {Argument[]} known
 */
export function readArguments(form, known) {
  /** @type {Record<string, Json>} */
  const body = {};
  const texts = new FormData(form); // `form.elements` has properties such as `length`, which may be an argument's name
  for (const argument of known) {
    try {
      const value = readField(argument, /** @type {string | null} */ (texts.get(argument.name)));
      if (value !== undefined && (argument.required || value !== argument.default)) body[argument.name] = value;
    } catch {
      throw new ArgumentError(isNumeric(argument) ? "not a number" : "not JSON", `/${argument.name}`);
    }
  }
  return body;
}

/** @param {{argument: Argument, choices: Json[], common: object}} props */
function Select({ argument: { required, default: usual }, choices, common }) {
  return html`<select ...${common}>
    ${!required && usual === undefined && html`<option value=""></option>`}
    ${choices.map((choice) => html`<option key=${choice} value=${JSON.stringify(choice)} selected=${choice === usual}>${choice === null ? "none" : String(choice)}</option>`)}
  </select>`;
}

/** @param {{argument: Argument, common: object}} props */
function TextInput({ argument, common }) {
  const { default: usual, maxLength } = argument;
  const shown = String(usual ?? "");
  if (isSecret(argument)) return html`<input ...${common} type="password" autocomplete="new-password" placeholder=${shown} />`;
  if (shown.includes("\n")) return html`<textarea ...${common} rows="2" defaultValue=${shown} maxlength=${maxLength}></textarea>`;
  return html`<input ...${common} type="text" autocomplete="off" defaultValue=${startsWithDefault(argument) ? usual : ""} maxlength=${maxLength} />`;
}

/** @param {{argument: Argument, aria: object}} props */
function Input({ argument, aria }) {
  const { name, type, required, default: usual } = argument;
  const common = { name, required, ...aria };
  const choices = choicesOf(argument);
  if (choices) return html`<${Select} ...${{ argument, choices, common }} />`;
  if (type === "boolean") return html`<input ...${common} required=${false} type="checkbox" defaultChecked=${usual === true} />`;
  if (isNumeric(argument)) return html`<input ...${common} type="text" inputmode="decimal" autocomplete="off" placeholder=${String(usual ?? "")} />`;
  if (type === "string") return html`<${TextInput} argument=${argument} common=${common} />`;
  return html`<textarea ...${common} rows="2" spellcheck=${false} placeholder=${usual === undefined ? "JSON" : JSON.stringify(usual)}></textarea>`;
}

/** @param {{known: Argument[], errors: ProblemError[]}} props `errors`: why the arguments were refused */
export function Arguments({ known, errors }) {
  return html`${known.map((argument) => {
    const { name, title, type, description, required } = argument;
    const error = errors.find(({ path }) => path === `/${name}` || path?.startsWith(`/${name}/`))?.message;
    const hint = `argument-${name}-hint`;
    const aria = { "aria-describedby": hint, "aria-invalid": error ? "true" : undefined };
    return html`<div class="argument ${type === "boolean" ? "check" : ""}" key=${name}>
      <label><span>${title}${required && html` <abbr title="needed">*</abbr>`}</span><${Input} ...${{ argument, aria }} /></label>
      <small id=${hint} class=${error ? "bad" : ""}>${error ?? description ?? ""}</small>
    </div>`;
  })}`;
}
