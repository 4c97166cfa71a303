/** A small menu that opens below its button. */
import { element } from "./dom.js";
import { icon } from "./icons.js";

/** The menu; Escape or a click elsewhere closes it. `build` makes its content each time it is opened. */
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
  const shut = (event) => !box.contains(event.target) && box.removeAttribute("open");
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
  box.addEventListener(
    "focusout",
    (event) => event.relatedTarget && !box.contains(event.relatedTarget) && (box.open = false),
  );
  return box;
}
