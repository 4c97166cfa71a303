/** What a reviewer is told when a change was not stored, or when somebody else has changed the image; nothing is lost unseen. */
import { button, element } from "./dom.js";
import { basename, listed } from "./format.js";
import { hrefOf, route } from "./router.js";
import { sameTags } from "./saver.js";
import { problem, toast } from "./toasts.js";
/** @import { Saver } from "./saver.js" */

/**
 * A change was refused because somebody else was faster: what they did, and a click to have one's own way.
 * @param {Job} job
 * @param {Saver} saver
 * @param {import("./saver.js").Conflict} conflict
 */
export function tellConflict(job, saver, { mine, before }) {
  const { item } = saver;
  const text = `“${basename(item.image)}” was changed by somebody else meanwhile: ${difference(job, before, item)}. Your change was not stored: ${wishText(job, mine)}.`;
  const href = hrefOf(`jobs/${job.id}/images/${item.number}`, route().query);
  const look = element("a", { class: "button", href }, "Show the image");
  offer(saver, toast(text, "problem", again("Store mine anyway", saver, mine), look));
}

/**
 * A change was not stored; when the server may take it later, a click sends it again.
 * @param {Saver} saver
 * @param {import("./saver.js").Failing} failing
 */
export function tellFailed(saver, { mine, error }) {
  const before = `The change of “${basename(saver.item.image)}” was not stored.`;
  const passing = error.status === 0 || (error.status ?? 0) >= 500;
  if (!passing) problem(error, before);
  else offer(saver, toast(`${before} ${error.message}`, "problem", again("Send it again", saver, mine)));
}

/**
 * What others made of an image: "tags are now cat and dog; accepted".
 * @param {Job} job
 * @param {Item} before
 * @param {Item} now
 */
export function difference(job, before, now) {
  const parts = [];
  if (before.state !== now.state) parts.push(now.state);
  if (!sameTags(before.tags, now.tags)) parts.push(`tags are now ${tagsText(job, now.tags)}`);
  else if (before.version !== now.version) parts.push("it has another mask");
  if (before.verdict !== now.verdict) parts.push(now.verdict || "its decision is taken back");
  return parts.join("; ") || "it was stored again";
}

/**
 * "cat and dog"; null is every class.
 * @param {Job} job
 * @param {number[] | null} tags
 */
function tagsText(job, tags) {
  if (tags === null) return "any";
  return listed(job.classes.filter((one) => tags.includes(one.id)).map((one) => one.name)) || "none";
}

/**
 * @param {Job} job
 * @param {Wishes} wishes
 */
function wishText(job, { tags, verdict }) {
  const parts = [];
  if (tags !== undefined) parts.push(`tags ${tagsText(job, tags)}`);
  if (verdict) parts.push(verdict);
  else if (tags === undefined) parts.push("no decision");
  return parts.join("; ");
}

/**
 * @param {string} words
 * @param {Saver} saver
 * @param {Wishes} mine
 */
function again(words, saver, mine) {
  return button(words, { class: "primary", onclick: () => saver.set(mine) });
}

/**
 * An offer is out of date once something newer of the image is stored.
 * @param {Saver} saver
 * @param {HTMLElement} notice
 */
function offer(saver, notice) {
  saver.on("saved", () => notice.remove(), { once: true });
}
