// The token. It comes in the fragment of the link, which browsers send to no server, and stays in this tab.

/** The address of the list of all runs, if this page belongs to one; else null. Its token opens the page of each run. */
export const listUrl = document.documentElement.dataset.list ? new URL(document.documentElement.dataset.list, location.href) : null;
const KEY = `freak-token ${location.pathname}`;
const LIST_KEY = listUrl && `freak-token ${listUrl.pathname}`;

/** @param {string} token */
function store(token) {
  sessionStorage.setItem(KEY, token);
  if (LIST_KEY) sessionStorage.setItem(LIST_KEY, token);
}

/**
 * Return the token of a fragment without its `#`. No token has a space: one stands for a plus that was not encoded.
 * @param {string} fragment
 */
const tokenOf = (fragment) => new URLSearchParams(fragment).get("token")?.replaceAll(" ", "+");

/** Store the token of a fragment such as `#token=…` and remove it from the address. Return whether there was one. */
export function takeFragment() {
  const token = tokenOf(location.hash.slice(1));
  if (!token) return false;
  store(token);
  const others = location.hash.slice(1).split("&").filter((part) => !part.startsWith("token="));
  history.replaceState(null, "", location.pathname + location.search + (others.length ? `#${others.join("&")}` : ""));
  return true;
}

/**
 * Store a token that the user typed.
 * @param {string} typed the token, or the whole link that contains it
 */
export const storeToken = (typed) => store(tokenOf(typed.trim().split("#")[1] ?? "") ?? typed.trim());

export const hasToken = () => sessionStorage.getItem(KEY) !== null;

/** Return the Authorization header. What was typed may have characters that no header can have. */
export function authorization() {
  const token = sessionStorage.getItem(KEY) ?? "";
  return { Authorization: `Bearer ${/^[!-~]*$/.test(token) ? token : encodeURI(token)}` };
}

const listToken = LIST_KEY && sessionStorage.getItem(LIST_KEY);
if (listToken) store(listToken);
takeFragment();
