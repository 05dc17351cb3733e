// Rules for the JavaScript of freak_core/server. tsc finds unknown names; ESLint need not.

import js from "@eslint/js";

const DASHBOARD = "freak_core/server/dashboard";
const PAGES = "freak_core/ui/pages";
/** Each folder of the dashboard with those that it may import from, besides itself. */
const FOLDERS = {
  lib: [],
  live: ["lib"],
  form: ["live", "lib"],
  charts: ["live", "lib"],
  page: ["charts", "form", "live", "lib"],
};

/** The same for the pages over all runs. They may import from the dashboard, too. */
const FOLDERS_OF_PAGES = {
  runs: [],
  list: ["runs"],
  compare: ["list", "runs"],
  page: ["compare", "list", "runs"],
};

/**
 * Forbid imports from folders that a folder must not know.
 * @param {string} root
 * @param {Record<string, string[]>} folders
 */
const importRules = (root, folders) => Object.entries(folders).map(([folder, allowed]) => ({
  files: [`${root}/${folder}/**`],
  rules: {
    "no-restricted-imports": ["error", {
      patterns: Object.keys(folders).filter((other) => other !== folder && !allowed.includes(other)).map((other) => ({
        group: [`**/${other}/**`, ...(root === PAGES ? [`!**/dashboard/${other}/**`] : [])],
        message: `${folder}/ may import from ${[...allowed, "vendor.js"].join(", ")} only.`,
      })),
    }],
  },
}));

export default [
  { ignores: [`${DASHBOARD}/vendor.js`, "**/node_modules/**", "**/*.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.js"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-undef": "off",
      "no-empty": ["error", { allowEmptyCatch: true }],
      "array-callback-return": "error",
      "complexity": ["error", { max: 14, variant: "modified" }],
      "consistent-return": "off",
      "dot-notation": "error",
      "eqeqeq": "error",
      "max-depth": ["error", 3],
      "no-duplicate-imports": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-implicit-coercion": "error",
      "no-param-reassign": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unused-vars": ["error", { args: "none" }],
      "no-use-before-define": ["error", { functions: false, variables: false, classes: false }],
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  ...importRules(DASHBOARD, FOLDERS),
  ...importRules(PAGES, FOLDERS_OF_PAGES),
];
