// What the dashboard uses of other people's work. `make vendor` bundles it into ../vendor.js.
import "uplot/dist/uPlot.min.css";
export { h, render, Fragment, Component, createContext } from "preact";
export { useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
export { html } from "htm/preact";
export { default as uPlot } from "uplot";
