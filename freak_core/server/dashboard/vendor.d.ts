// The types of vendor.js. The wheel leaves this file out.
import type { VNode } from "preact";
export * from "../../../tests/dashboard/vendor.js";

/** What a template takes: text, elements, attributes, components, and event handlers. */
type TemplateValue = object | string | number | bigint | boolean | symbol | null | undefined | ((event: any) => unknown);
export declare const html: (strings: TemplateStringsArray, ...values: TemplateValue[]) => VNode;
