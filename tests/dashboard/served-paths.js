// Lets Node find the dashboard's modules where the pages over all runs import them: where `freak ui` serves them.

import { registerHooks } from "node:module";

const PAGES = new URL("../../freak_core/ui/pages/", import.meta.url).href;
const DASHBOARD = new URL("../../freak_core/server/dashboard/", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const served = context.parentURL?.startsWith(PAGES) && specifier.startsWith("../dashboard/");
    return next(served ? DASHBOARD + specifier.slice("../dashboard/".length) : specifier, context);
  },
});
