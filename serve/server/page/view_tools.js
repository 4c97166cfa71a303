/** The controls of a viewer: opacity, outlines, zoom; their settings stay while the page is open. */
import { element } from "./dom.js";
import { icon } from "./icons.js";
/** @import { Viewer } from "./canvas.js" */

const kept = { opacity: 0.55, outline: false };

/**
 * The controls; `keys` are theirs, to be bound by the view.
 * @param {Viewer} viewer
 */
export function viewTools(viewer) {
  /** @type {HTMLInputElement} */
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    value: 100 * kept.opacity,
    "aria-label": "Opacity of the mask",
    oninput: () => opacity(slider.valueAsNumber / 100),
  });
  // After a drag the arrow keys are for the images again.
  slider.addEventListener("pointerup", () => viewer.element.focus({ preventScroll: true }));
  /** @type {(drawing: string, words: string, call: () => void) => HTMLElement} */
  const tool = (drawing, words, call) =>
    element(
      "button",
      { type: "button", class: "quiet square", title: words, "aria-label": words, onclick: call },
      icon(drawing),
    );
  const outline = tool("outline", "Outlines (l)", () => setOutline(!kept.outline));
  const fit = tool("fit", "Fit (0, or double click)", () => viewer.fit());
  const box = element(
    "div",
    { class: "tools", role: "group", "aria-label": "View" },
    element("label", { class: "opacity", title: "Opacity of the mask ([ and ])" }, icon("eye"), slider),
    outline,
    fit,
  );
  const fainter = () => opacity(kept.opacity - 0.1);
  const stronger = () => opacity(kept.opacity + 0.1);
  const keys = {
    "[": fainter,
    o: fainter,
    "]": stronger,
    O: stronger,
    l: () => setOutline(!kept.outline),
    0: () => viewer.fit(),
    "+": () => viewer.zoom(1.4),
    "=": () => viewer.zoom(1.4),
    "-": () => viewer.zoom(1 / 1.4),
    " ": () => viewer.set({ peek: true }),
  };
  const released = { " ": () => viewer.set({ peek: false }) };
  opacity(kept.opacity);
  setOutline(kept.outline);
  return { box, keys, released };

  /** @param {number} value */
  function opacity(value) {
    kept.opacity = Math.round(100 * Math.min(1, Math.max(0, value))) / 100;
    slider.valueAsNumber = 100 * kept.opacity;
    viewer.set({ opacity: kept.opacity });
  }

  /** @param {boolean} value */
  function setOutline(value) {
    kept.outline = value;
    outline.setAttribute("aria-pressed", String(value));
    viewer.set({ outline: value });
  }
}
