// The token. It comes in the fragment of the link, which browsers send to no server, and stays in this tab.

const KEY = `freak-token ${location.pathname}`;

/** Store the token of a fragment such as `#token=…` and remove it from the address. Return whether there was one. */
export function takeFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

/**
 * Store a token that the user typed.
 * @param {string} typed the token, or the whole link that contains it
 */
export const storeToken = (typed) =>
  sessionStorage.setItem(KEY, new URLSearchParams(typed.split("#")[1] ?? "").get("token") ?? typed.trim());

export const hasToken = () => sessionStorage.getItem(KEY) !== null;

/** Return the Authorization header. */
export const authorization = () => ({ Authorization: `Bearer ${encodeURI(sessionStorage.getItem(KEY) ?? "")}` });

takeFragment();
