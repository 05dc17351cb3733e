// JSON Pointers (RFC 6901), such as `/optimizer/lr`.

/**
 * Return the keys of a JSON Pointer.
 * @param {string} pointer
 */
export const parsePointer = (pointer) =>
  pointer.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));

/**
 * Return the JSON Pointer of some keys.
 * @param {(string | number)[]} keys
 */
export const formatPointer = (keys) =>
  keys.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
