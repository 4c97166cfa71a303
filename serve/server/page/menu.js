/** A small menu of links that opens below its button. */
import { element } from "./dom.js";
import { icon } from "./icons.js";

/** The menu; choosing, Escape or a click elsewhere closes it. */
export function menu(words, drawing, attributes = {}) {
  const list = element("ul", {});
  const summary = element(
    "summary",
    { class: "button", ...attributes },
    icon(drawing),
    element("span", {}, words),
    icon("down"),
  );
  const box = element("details", { class: "menu" }, summary, list);
  const shut = (event) => !box.contains(event.target) && box.removeAttribute("open");
  box.addEventListener("toggle", () => {
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
  return { box, fill: (items) => list.replaceChildren(...items.map((item) => element("li", {}, item))) };
}

/** A link that saves a file, or what stands in its place while there is nothing to save. */
export function fileLink({ words, href, note, open = false, ready = true }) {
  const inside = [element("span", {}, words), element("small", {}, note)];
  if (!ready) return element("span", { class: "file", "aria-disabled": "true" }, ...inside);
  const how = open ? { target: "_blank", rel: "noopener" } : { download: "" };
  return element("a", { class: "file", href, ...how }, ...inside);
}
