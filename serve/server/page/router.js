/** Views by the part of the address after `#`: the server needs to know nothing of them. */

/** The address now: path without empty parts, and the query. */
export function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean), query: Object.fromEntries(new URLSearchParams(query)) };
}

/**
 * The address of a view; empty values are left out.
 * @param {string} path
 * @param {Record<string, QueryValue>} [query]
 */
export function hrefOf(path, query = {}) {
  const kept = Object.entries(query)
    .filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .map(([key, value]) => [key, String(value)]);
  return `#/${path}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`;
}

/**
 * Go to a view.
 * @param {string} path
 * @param {Record<string, QueryValue>} [query]
 */
export function go(path, query) {
  location.hash = hrefOf(path, query);
}

/**
 * Change the address of the view that stays: "back" then leads to the view before it.
 * @param {string} path
 * @param {Record<string, QueryValue>} [query]
 */
export function stay(path, query) {
  history.replaceState(null, "", hrefOf(path, query));
}

/** Build the view of the address anew. */
export function renew() {
  dispatchEvent(new Event("hashchange"));
}

/** Take `#token=…` out of the address at once, so that it is neither bookmarked nor shared. */
export function takeToken() {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", `${location.pathname}${location.search}#/jobs`);
  return decodeURIComponent(found[1]);
}
