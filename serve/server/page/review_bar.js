/** The bar above the picture in the review: back, place, undo, view. */
import { element, setText } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
/** @import { Place } from "./review_list.js" */

/** A line that runs over the picture while something is stored or labelled. */
export function busyLine(words = "Storing") {
  return element("div", { class: "busy", hidden: true }, element("span", { class: "unseen" }, words));
}

/**
 * The bar; `tools` are the viewer's controls.
 * @param {{back: () => void, move: (step: number) => void, undo: () => void, tools: HTMLElement}} calls
 */
export function reviewBar({ back, move, undo, tools }) {
  /** @type {(drawing: string, words: string, call: () => void) => HTMLElement} */
  const tool = (drawing, words, call) =>
    element(
      "button",
      { type: "button", class: "quiet square", title: words, "aria-label": words, onclick: call },
      icon(drawing),
    );
  const where = element("p", { class: "where" });
  const said = element("p", { class: "said", role: "status" });
  const box = element(
    "div",
    { class: "review-bar" },
    element(
      "button",
      { type: "button", class: "quiet", onclick: back, title: "Back to the results (Esc)" },
      icon("back"),
      element("span", {}, "Results"),
    ),
    element(
      "div",
      { class: "pager", role: "group", "aria-label": "Images" },
      tool("left", "Previous image (←, k)", () => move(-1)),
      where,
      tool("right", "Next image (→, j)", () => move(1)),
    ),
    tool("undo", "Undo the last change (u)", undo),
    said,
    tools,
  );
  return { box, tell, say };

  /**
   * @param {Place} place
   * @param {number | null} total
   */
  function tell({ index, inside }, total) {
    if (total === null) setText(where, "");
    else setText(where, inside ? `${count(index + 1)} of ${count(total)}` : `${count(total)} left in this filter`);
  }

  /** @param {string} text */
  function say(text) {
    said.textContent = text;
  }
}
