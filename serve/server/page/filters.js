/** The bar above the grid: which images, in which order, and how many they are. */
import { address, ask } from "./api.js";
import { button, element, settle, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { icon } from "./icons.js";
import { USUAL } from "./item_filter.js";

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
 * @param {Job} job
 * @param {Filter} filter
 * @param {(filter: Filter) => void} changed Called with every new filter.
 * @param {AbortSignal} signal Ends with the view: what is still waiting then is not done.
 */
export function filterBar(job, filter, changed, signal) {
  let now = { ...filter };
  const states = stateButtons((show) => change({ show }));
  const names = job.classes.filter((one) => one.id !== 0).map((one) => [String(one.id), one.name]);
  const only = picker("Class", [["", "Any class"], ...names], "class", now.class, (value) => change({ class: value }));
  const sort = picker("Sort by", Object.entries(SORTS), "sort", now.sort, (value) => change({ sort: value }));
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
    element("div", { class: "states", role: "group", "aria-label": "State" }, ...states.buttons),
    element(
      "div",
      { class: "line" },
      element("span", { class: "search" }, icon("search"), search),
      only.label,
      sort.label,
      turn,
      total,
    ),
  );
  mark();
  recount();
  return { box, search, update, recount: settle(400, recount), clearButton };

  /** @param {Partial<Filter>} part */
  function change(part) {
    now = { ...now, ...part };
    mark();
    changed(now);
  }

  function mark() {
    states.mark(now.show);
    only.select.value = now.class;
    sort.select.value = now.sort;
    const falling = now.order === "desc";
    turn.replaceChildren(icon(falling ? "up" : "down"));
    turn.title = falling ? "Highest first; change to lowest first" : "Lowest first; change to highest first";
    turn.setAttribute("aria-label", turn.title);
  }

  /**
   * Numbers that the job tells are live.
   * @param {number | null} matching
   * @param {Job} known
   */
  function update(matching, known) {
    setText(total, matching === null ? "" : counted(matching, "image"));
    const { accepted = 0, rejected = 0, flagged = 0, changed: corrected = 0 } = known.review ?? {};
    const labelled = known.done - known.failed;
    const told = { all: known.done, labelled, failed: known.failed, accepted, rejected, flagged, changed: corrected };
    for (const [key, value] of Object.entries(told)) states.tell(key, value);
    if (matching !== null && now.class === "" && now.search === "") states.tell(now.show, matching);
  }

  /** The others have to be counted by the server. */
  function recount() {
    if (signal.aborted) return;
    for (const show of ["unreviewed", "tag_without_pixels"]) {
      // A number that is missing is no failure to tell of.
      ask(address(`v1/jobs/${job.id}/images`, { show, limit: 1 })).then(
        (answer) => states.tell(show, answer.total),
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

/**
 * A button for every state, with the number of its images.
 * @param {(show: string) => void} choose
 */
function stateButtons(choose) {
  /** @type {Map<string, {button: HTMLButtonElement, number: HTMLSpanElement}>} */
  const made = new Map();
  for (const [value, words] of Object.entries(STATES)) {
    const number = element("span", { class: "number" });
    const attributes = { type: "button", class: "state", "data-show": value, onclick: () => choose(value) };
    made.set(value, { button: element("button", attributes, element("span", {}, words), number), number });
  }
  return { buttons: [...made.values()].map((one) => one.button), mark, tell };

  /** @param {string} show */
  function mark(show) {
    for (const [value, one] of made) one.button.setAttribute("aria-pressed", String(value === show));
  }

  /**
   * @param {string} show
   * @param {number} value
   */
  function tell(show, value) {
    const one = made.get(show);
    if (one) setText(one.number, count(value));
  }
}

/**
 * A labelled choice; `choose` is called with the value of what was chosen.
 * @param {string} words
 * @param {string[][]} entries
 * @param {string} key
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
function picker(words, entries, key, chosen, choose) {
  const options = entries.map(([value, name]) => element("option", { value, selected: value === chosen }, name));
  /** @type {HTMLSelectElement} */
  const select = element("select", { "data-key": key, onchange: () => choose(select.value) }, ...options);
  return { label: element("label", { class: "pick" }, element("span", {}, words), select), select };
}
