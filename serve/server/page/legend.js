/** The classes of a mask: colour, share, confidence, and a switch to hide each. */
import { element, setStyle, setText } from "./dom.js";
import { area, percent } from "./format.js";
import { icon } from "./icons.js";

/**
 * The legend.
 * @param {(hidden: Set<number>) => void} changed Called with the ids that are hidden now.
 */
export function maskLegend(classes, changed, rest) {
  const known = new Map(classes.map((one) => [one.id, one]));
  known.set(255, { id: 255, name: "left out", colour: "#808080" });
  const rows = new Map();
  const hidden = new Set();
  const list = element("ul", { class: "legend" });
  const nothing = element("p", { class: "note" }, "Only background.");
  const box = element("div", {}, list, nothing);
  return { box, update };

  /** Show the classes with pixels, the largest first. */
  function update(pixels, confidence) {
    const entries = Object.entries(pixels)
      .map(([id, number]) => [Number(id), number])
      .filter(([, number]) => number > 0);
    const all = entries.reduce((sum, [, number]) => sum + number, 0);
    entries.sort((one, other) => other[1] - one[1]);
    const shown = entries.map(([id, number]) => {
      if (!rows.has(id)) rows.set(id, row(known.get(id) ?? { id, name: String(id), colour: "#808080" }));
      const { line, share, sure } = rows.get(id);
      setText(share, area(number, all));
      setText(sure, confidence[id] === undefined || confidence[id] === null ? "" : percent(confidence[id], 0));
      return line;
    });
    if (shown.length !== list.children.length || shown.some((line, at) => list.children[at] !== line))
      list.replaceChildren(...shown);
    nothing.hidden = entries.some(([id]) => id !== 0);
  }

  function row({ id, name, colour }) {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    setStyle(swatch, { background: id === 0 ? "transparent" : colour });
    const share = element("span", { class: "share" });
    const sure = element("span", { class: "sure", title: "Mean confidence" });
    // The background is what is not painted: there is nothing to hide.
    const eye = id === 0 ? element("span", { class: "square" }) : switchOf(id, name);
    return {
      line: element("li", { "data-id": id }, eye, swatch, element("span", { class: "class-name" }, name), share, sure),
      share,
      sure,
    };
  }

  function switchOf(id, name) {
    const made = element(
      "button",
      {
        type: "button",
        class: "quiet square",
        "aria-pressed": "true",
        "aria-label": `Show ${name}`,
        title: `Show or hide ${name}`,
      },
      icon("eye"),
    );
    made.addEventListener("click", (event) => {
      if (hidden.has(id)) hidden.delete(id);
      else hidden.add(id);
      made.setAttribute("aria-pressed", String(!hidden.has(id)));
      made.replaceChildren(icon(hidden.has(id) ? "hidden" : "eye"));
      made.parentElement.classList.toggle("off", hidden.has(id));
      changed(hidden);
      if (event.detail > 0) rest();
    });
    return made;
  }
}
