/** Tags as buttons, one for every class but the background. */
import { element, setStyle } from "./dom.js";
import { icon } from "./icons.js";

const SEARCH_FROM = 21;

/**
 * The chips.
 * @param {{id: number, name: string, colour: string}[]} classes All classes.
 * @param {(id: number) => void} toggle Called with the class that is added or removed.
 * @param {() => void} rest Called after a click with the mouse, so that keys go on to the view and not to the chip.
 */
export function tagChips(classes, toggle, rest) {
  const foreground = classes.filter((one) => one.id !== 0);
  const chips = new Map(foreground.map((one) => [one.id, chip(one, toggle, rest)]));
  const list = element("div", { class: "chips", role: "group", "aria-label": "Tags" });
  const search = element("input", {
    type: "search",
    placeholder: `Search ${foreground.length} classes`,
    "aria-label": "Search classes",
    oninput: arrange,
  });
  const box = element("div", { class: "tags" }, foreground.length >= SEARCH_FROM && search, list);
  let first = [];
  let tags = [];
  arrange();
  const keys = {};
  for (let digit = 1; digit <= 9; digit += 1) keys[digit] = () => nth(digit);
  return { box, update, reorder, disable, keys };

  /** For a model that takes no tags. */
  function disable(off) {
    for (const one of chips.values()) one.disabled = off;
  }

  /** Show which tags there are; the order stays, so that a chip never slips away under the pointer. */
  function update(now, notFound = []) {
    tags = now ?? [];
    const lacking = new Set(notFound);
    for (const [id, one] of chips) {
      const chosen = tags.includes(id);
      const lacks = chosen && lacking.has(id);
      one.setAttribute("aria-pressed", String(chosen));
      one.classList.toggle("lacking", lacks);
      one.lack.hidden = !lacks;
    }
  }

  /** Begin with the tags of the image that is opened, when there are many classes. */
  function reorder(leading) {
    first = foreground.length >= SEARCH_FROM ? (leading ?? []) : [];
    search.value = "";
    arrange();
  }

  function arrange() {
    const text = search.value.trim().toLowerCase();
    const leading = new Set(first);
    const order = [
      ...foreground.filter((one) => leading.has(one.id)),
      ...foreground.filter((one) => !leading.has(one.id)),
    ];
    const shown = order.filter((one) => one.name.toLowerCase().includes(text)).map((one) => chips.get(one.id));
    if (shown.length !== list.children.length || shown.some((one, at) => list.children[at] !== one))
      list.replaceChildren(...shown);
    shown.forEach((one, at) => {
      one.key.hidden = at > 8;
      one.key.textContent = at + 1;
    });
    if (!shown.length) list.replaceChildren(element("p", { class: "note" }, "No class has this in its name."));
  }

  /** Toggle the n-th chip that is shown, from 1. */
  function nth(number) {
    const chosen = list.children[number - 1];
    if (chosen?.dataset.id !== undefined && !chosen.disabled) toggle(Number(chosen.dataset.id));
  }
}

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
  return Object.assign(made, { key, lack });
}
