/** Short messages in the corner: what went wrong and what to do, read out by screen readers. */
import { button, byId, element } from "./dom.js";
import { icon } from "./icons.js";

const SECONDS = { problem: 12, done: 4 };

/**
 * Tell something; the same message is not stacked twice.
 * @param {string} text
 * @param {"done" | "problem"} [kind] "done" or "problem".
 * @param {...HTMLElement} actions What can be done about it, buttons and links; such a message stays until a button is clicked.
 */
export function toast(text, kind = "done", ...actions) {
  const place = byId("toasts");
  for (const shown of place.children) if (shown.getAttribute("data-text") === text) shown.remove();
  const close = element(
    "button",
    { type: "button", class: "quiet square", "aria-label": "Close this message" },
    icon("cross"),
  );
  const shown = element(
    "div",
    { class: `toast ${kind}`, "data-text": text },
    icon(kind === "problem" ? "warn" : "check"),
    element("p", {}, text),
    close,
    actions.length > 0 && element("div", { class: "actions" }, ...actions),
  );
  for (const one of [close, ...actions]) if (one.matches("button")) one.addEventListener("click", () => shown.remove());
  place.append(shown);
  const passing = place.querySelectorAll(".toast:not(:has(.actions))");
  if (passing.length > 4) passing[0].remove();
  if (!actions.length) setTimeout(() => shown.remove(), 1000 * SECONDS[kind]);
  return shown;
}

/**
 * Tell a failure, unless it is a request the page itself gave up, or the login form and banner tell it already.
 * @param {Failure} error
 * @param {string} [before]
 */
export function problem(error, before = "") {
  if (error.name === "AbortError" || error.status === 401) return;
  if (error.status === undefined) console.warn(error);
  toast(before ? `${before} ${error.message}` : error.message, "problem");
}

/**
 * What a view shows in place of its content when there is none.
 * @param {string} drawing
 * @param {string} title
 * @param {string} text
 * @param {...HTMLElement} actions
 */
export function emptyState(drawing, title, text, ...actions) {
  return element(
    "div",
    { class: "empty" },
    icon(drawing),
    element("h2", {}, title),
    element("p", {}, text),
    actions.length > 0 && element("div", { class: "actions" }, ...actions),
  );
}

/**
 * The same for a failure, with a way to try again.
 * @param {Failure} error
 * @param {() => void} again
 * @param {boolean} [whole]
 */
export function errorState(error, again, whole = true) {
  const shown = emptyState("warn", "This did not work", error.message, button("Try again", { onclick: again }));
  shown.classList.add("error");
  // Where nothing else is shown, it is what the page is about.
  if (whole) shown.querySelector("h2")?.replaceWith(element("h1", { tabindex: -1 }, "This did not work"));
  return shown;
}
