/** Tags as buttons, one for every class but the background. */
import { element, setStyle } from "./dom.js";
import { icon } from "./icons.js";

const SEARCH_FROM = 21;

/**
 * The chips.
 * @param {ClassInfo[]} classes All classes.
 * @param {(id: number) => void} toggle Called with the class that is added or removed.
 * @param {() => void} rest Called after a click with the mouse, so that keys go on to the view and not to the chip.
 */
export function tagChips(classes, toggle, rest) {
  const foreground = classes.filter((one) => one.id !== 0);
  const chips = foreground.map((one) => chip(one, toggle, rest));
  const list = element("div", { class: "chips", role: "group", "aria-label": "Tags" });
  const search = element("input", {
    type: "search",
    placeholder: `Search ${foreground.length} classes`,
    "aria-label": "Search classes",
    oninput: arrange,
  });
  const box = element("div", { class: "tags" }, foreground.length >= SEARCH_FROM && search, list);
  /** @type {number[]} */
  let first = [];
  /** @type {number[]} */
  let tags = [];
  let shown = chips;
  arrange();
  /** @type {Keys} */
  const keys = {};
  for (let digit = 1; digit <= 9; digit += 1) keys[digit] = () => nth(digit);
  return { box, update, reorder, disable, keys };

  /**
   * For a model that takes no tags.
   * @param {boolean} off
   */
  function disable(off) {
    for (const one of chips) one.made.disabled = off;
  }

  /**
   * Show which tags there are; the order stays, so that a chip never slips away under the pointer.
   * @param {number[] | null} now
   * @param {number[]} [notFound]
   */
  function update(now, notFound = []) {
    tags = now ?? [];
    const lacking = new Set(notFound);
    for (const { id, made, lack } of chips) {
      const chosen = tags.includes(id);
      const lacks = chosen && lacking.has(id);
      made.setAttribute("aria-pressed", String(chosen));
      made.classList.toggle("lacking", lacks);
      lack.hidden = !lacks;
    }
  }

  /**
   * Begin with the tags of the image that is opened, when there are many classes.
   * @param {number[] | null} leading
   */
  function reorder(leading) {
    first = foreground.length >= SEARCH_FROM ? (leading ?? []) : [];
    search.value = "";
    arrange();
  }

  function arrange() {
    const text = search.value.trim().toLowerCase();
    const leading = new Set(first);
    const order = [...chips.filter((one) => leading.has(one.id)), ...chips.filter((one) => !leading.has(one.id))];
    shown = order.filter((one) => one.name.toLowerCase().includes(text));
    if (shown.length !== list.children.length || shown.some(({ made }, at) => list.children[at] !== made))
      list.replaceChildren(...shown.map((one) => one.made));
    shown.forEach(({ key }, at) => {
      key.hidden = at > 8;
      key.textContent = String(at + 1);
    });
    if (!shown.length) list.replaceChildren(element("p", { class: "note" }, "No class has this in its name."));
  }

  /**
   * Toggle the n-th chip that is shown, from 1.
   * @param {number} number
   */
  function nth(number) {
    const chosen = shown[number - 1];
    if (chosen && !chosen.made.disabled) toggle(chosen.id);
  }
}

/**
 * @param {ClassInfo} one
 * @param {(id: number) => void} toggle
 * @param {() => void} rest
 */
function chip({ id, name, colour }, toggle, rest) {
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  setStyle(swatch, { background: colour });
  const key = element("kbd", { "aria-hidden": "true" });
  const lack = element(
    "span",
    { class: "lack", title: "No pixels were found", hidden: true },
    icon("warn"),
    element("span", { class: "unseen" }, "(no pixels found)"),
  );
  const made = element(
    "button",
    { type: "button", class: "chip", "data-id": id, "aria-pressed": "false" },
    swatch,
    element("span", {}, name),
    lack,
    key,
  );
  made.addEventListener("click", (event) => {
    toggle(id);
    if (event.detail > 0) rest();
  });
  return { id, name, made, key, lack };
}
