// The token: it comes in the link's fragment, which no server sees, and stays in this tab.

const KEY = `freak-token ${location.pathname}`;

/** Keep the token of a fragment such as `#token=…` and take it out of the address; return whether there was one. */
export function takeFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

/** Keep a token that somebody typed: the token itself, or the whole link with it. */
export const keepToken = (typed) =>
  sessionStorage.setItem(KEY, new URLSearchParams(typed.split("#")[1] ?? "").get("token") ?? typed.trim());

export const hasToken = () => sessionStorage.getItem(KEY) !== null;

export const authorization = () => ({ Authorization: `Bearer ${encodeURI(sessionStorage.getItem(KEY) ?? "")}` });

takeFragment();
