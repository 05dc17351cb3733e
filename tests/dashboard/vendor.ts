// The libraries of the dashboard. `make vendor` bundles them into freak_core/server/dashboard/vendor.js.
import "uplot/dist/uPlot.min.css";
export { Component, render } from "preact";
export { useEffect, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useSignal } from "@preact/signals";
export type { Signal } from "@preact/signals";
export { createParser } from "eventsource-parser";
export type { EventSourceMessage } from "eventsource-parser";
export { html } from "htm/preact";
export { default as uPlot } from "uplot";
