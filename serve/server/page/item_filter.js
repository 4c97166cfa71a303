/** Which images of a job are shown, and in which order. */

/**
 * What a filter may hold, with what it is when nothing is chosen.
 * @type {Filter}
 */
export const USUAL = { show: "all", sort: "name", order: "asc", class: "", search: "" };

/**
 * What of a filter is chosen, for an address.
 * @param {Filter} filter
 * @returns {Partial<Filter>}
 */
export function unusual(filter) {
  const usual = new Map(Object.entries(USUAL));
  return Object.fromEntries(Object.entries(filter).filter(([key, value]) => value !== usual.get(key)));
}

/**
 * Whether an item passes a filter after a change, as far as the page can tell by itself.
 * @param {Item} item
 * @param {Filter} filter
 */
export function passes(item, { show, class: only }) {
  if (only !== "" && !(item.pixels?.[only] > 0)) return false;
  if (show === "all") return true;
  if (show === "labelled" || show === "failed") return item.state === show;
  if (show === "tag_without_pixels") return item.not_found.length > 0;
  if (show === "unreviewed") return item.state === "labelled" && item.verdict === "";
  if (show === "changed") return item.changed;
  return item.verdict === show;
}
