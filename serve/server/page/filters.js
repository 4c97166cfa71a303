/** The bar above the grid: which images, in which order, and how many they are. */
import { address, ask } from "./api.js";
import { button, element, settle, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { icon } from "./icons.js";
import { USUAL } from "./items.js";

const STATES = {
  all: "All",
  unreviewed: "Unreviewed",
  accepted: "Accepted",
  rejected: "Rejected",
  flagged: "Flagged",
  changed: "Changed",
  tag_without_pixels: "Tag without pixels",
  labelled: "Labelled",
  failed: "Failed",
};
const SORTS = { name: "Name", confidence: "Confidence", not_found: "Tags without pixels" };

/**
 * The bar.
 * @param {(filter: object) => void} changed Called with every new filter.
 * @param {AbortSignal} signal Ends with the view: what is still waiting then is not done.
 */
export function filterBar(job, filter, changed, signal) {
  let now = { ...filter };
  const numbers = new Map();
  const states = Object.entries(STATES).map(([value, words]) => {
    const number = element("span", { class: "number" });
    numbers.set(value, number);
    return element(
      "button",
      { type: "button", class: "state", "data-show": value, onclick: () => change({ show: value }) },
      element("span", {}, words),
      number,
    );
  });
  const classes = job.classes.filter((one) => one.id !== 0);
  const only = picker("Class", [["", "Any class"], ...classes.map((one) => [String(one.id), one.name])], "class");
  const sort = picker("Sort by", Object.entries(SORTS), "sort");
  const turn = element("button", {
    type: "button",
    class: "square",
    onclick: () => change({ order: now.order === "asc" ? "desc" : "asc" }),
  });
  const search = element("input", {
    type: "search",
    placeholder: "Search by name",
    "aria-label": "Search by name",
    value: now.search,
  });
  search.addEventListener(
    "input",
    settle(250, () => signal.aborted || change({ search: search.value })),
  );
  search.addEventListener("keydown", (event) => event.key === "Escape" && search.blur());
  const total = element("p", { class: "total", role: "status" });
  const box = element(
    "div",
    { class: "filters" },
    element("div", { class: "states", role: "group", "aria-label": "State" }, ...states),
    element(
      "div",
      { class: "line" },
      element("span", { class: "search" }, icon("search"), search),
      only,
      sort,
      turn,
      total,
    ),
  );
  mark();
  recount();
  return { box, search, update, recount: settle(400, recount), clearButton };

  function picker(label, entries, key) {
    const options = entries.map(([value, words]) => element("option", { value, selected: now[key] === value }, words));
    return element(
      "label",
      { class: "pick" },
      element("span", {}, label),
      element("select", { "data-key": key, onchange: (event) => change({ [key]: event.target.value }) }, ...options),
    );
  }

  function change(part) {
    now = { ...now, ...part };
    mark();
    changed(now);
  }

  function mark() {
    for (const one of states) one.setAttribute("aria-pressed", String(one.dataset.show === now.show));
    for (const one of box?.querySelectorAll("select") ?? []) one.value = now[one.dataset.key];
    const falling = now.order === "desc";
    turn.replaceChildren(icon(falling ? "up" : "down"));
    turn.title = falling ? "Highest first; change to lowest first" : "Lowest first; change to highest first";
    turn.setAttribute("aria-label", turn.title);
  }

  /** Numbers that the job tells are live. */
  function update(matching, known) {
    setText(total, matching === null ? "" : counted(matching, "image"));
    const { accepted = 0, rejected = 0, flagged = 0, changed: corrected = 0 } = known.review ?? {};
    const labelled = known.done - known.failed;
    const told = { all: known.done, labelled, failed: known.failed, accepted, rejected, flagged, changed: corrected };
    for (const [key, value] of Object.entries(told)) setText(numbers.get(key), count(value));
    if (matching !== null && now.class === "" && now.search === "") setText(numbers.get(now.show), count(matching));
  }

  /** The others have to be counted by the server. */
  function recount() {
    if (signal.aborted) return;
    for (const show of ["unreviewed", "tag_without_pixels"]) {
      // A number that is missing is no failure to tell of.
      ask(address(`v1/jobs/${job.id}/images`, { show, limit: 1 })).then(
        (answer) => setText(numbers.get(show), count(answer.total)),
        () => null,
      );
    }
  }

  function clearButton() {
    return button("Show all images", {
      onclick: () => {
        search.value = "";
        change({ ...USUAL, sort: now.sort, order: now.order });
      },
    });
  }
}
