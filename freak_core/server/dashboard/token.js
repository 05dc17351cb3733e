// The token: it comes in the link's fragment, which no server sees, and stays in this tab.

const KEY = `freak-token ${location.pathname}`;
const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
if (fragment) {
  sessionStorage.setItem(KEY, fragment);
  history.replaceState(null, "", location.pathname + location.search);
}

export const authorization = () => ({ Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` });
