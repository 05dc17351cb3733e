// The types of vendor.js. The wheel leaves this file out.
export * from "../../../tests/dashboard/vendor.js";
