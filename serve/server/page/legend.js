/** The classes of a mask: colour, share, confidence, and a switch to hide each. */
import { element, setStyle, setText } from "./dom.js";
import { area, percent } from "./format.js";
import { icon } from "./icons.js";

/**
 * The legend.
 * @param {ClassInfo[]} classes
 * @param {(hidden: Set<number>) => void} changed Called with the ids that are hidden now.
 * @param {() => void} rest
 */
export function maskLegend(classes, changed, rest) {
  const known = new Map(classes.map((one) => [one.id, one]));
  known.set(255, { id: 255, name: "left out", colour: "#808080" });
  /** @type {Map<number, ReturnType<typeof row>>} */
  const rows = new Map();
  /** @type {Set<number>} */
  const hidden = new Set();
  const list = element("ul", { class: "legend" });
  const nothing = element("p", { class: "note" }, "Only background.");
  const box = element("div", {}, list, nothing);
  return { box, update };

  /**
   * Show the classes with pixels, the largest first.
   * @param {Record<string, number>} pixels
   * @param {Record<string, number | null>} confidence
   */
  function update(pixels, confidence) {
    const entries = Object.entries(pixels)
      .map(([id, number]) => ({ id: Number(id), number }))
      .filter((one) => one.number > 0);
    const all = entries.reduce((sum, one) => sum + one.number, 0);
    entries.sort((one, other) => other.number - one.number);
    const shown = entries.map(({ id, number }) => {
      const { line, share, sure } = rows.get(id) ?? row(known.get(id) ?? { id, name: String(id), colour: "#808080" });
      rows.set(id, { line, share, sure });
      setText(share, area(number, all));
      const mean = confidence[id] ?? null;
      setText(sure, mean === null ? "" : percent(mean, 0));
      return line;
    });
    if (shown.length !== list.children.length || shown.some((line, at) => list.children[at] !== line))
      list.replaceChildren(...shown);
    nothing.hidden = entries.some((one) => one.id !== 0);
  }

  /** @param {ClassInfo} one */
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

  /**
   * @param {number} id
   * @param {string} name
   */
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
      made.parentElement?.classList.toggle("off", hidden.has(id));
      changed(hidden);
      if (event.detail > 0) rest();
    });
    return made;
  }
}
