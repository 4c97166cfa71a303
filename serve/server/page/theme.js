/** The switch between the system's theme, light and dark. */
import { element } from "./dom.js";
import { icon } from "./icons.js";

const ORDER = ["", "light", "dark"];
/** @type {Record<string, string>} */
const WORDS = { "": "as the system", light: "light", dark: "dark" };
/** @type {Record<string, string>} */
const ICONS = { "": "half", light: "sun", dark: "moon" };

/** A button that goes through the themes; the choice is kept for the next visit. */
export function themeSwitch() {
  const button = element("button", { type: "button", class: "quiet square", onclick: next });
  show();
  return button;

  function chosen() {
    return document.documentElement.dataset.theme ?? "";
  }

  function next() {
    const theme = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Storage may be forbidden: the choice then lasts as long as the page.
    }
    show();
  }

  function show() {
    button.replaceChildren(icon(ICONS[chosen()]));
    button.title = `Theme: ${WORDS[chosen()]}`;
    button.setAttribute("aria-label", button.title);
  }
}
