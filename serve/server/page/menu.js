/** A small menu that opens below its button. */
import { element } from "./dom.js";
import { icon } from "./icons.js";

/**
 * The menu; Escape or a click elsewhere closes it. `build` makes its content each time it is opened.
 * @param {string} words
 * @param {string} drawing
 * @param {Attributes} attributes
 * @param {() => HTMLElement[]} build
 */
export function menu(words, drawing, attributes, build) {
  const content = element("div", { class: "menu-box" });
  const summary = element(
    "summary",
    { class: "button", ...attributes },
    icon(drawing),
    element("span", {}, words),
    icon("down"),
  );
  const box = element("details", { class: "menu" }, summary, content);
  const shut = (/** @type {Event} */ event) => {
    if (event.target instanceof Node && !box.contains(event.target)) box.open = false;
  };
  box.addEventListener("toggle", () => {
    if (box.open) content.replaceChildren(...build());
    if (box.open) document.addEventListener("pointerdown", shut);
    else document.removeEventListener("pointerdown", shut);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    event.stopPropagation();
    event.preventDefault();
    box.open = false;
    summary.focus();
  });
  box.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !box.contains(event.relatedTarget)) box.open = false;
  });
  return box;
}
