/** The list of jobs, live. */
import { jobs } from "./connection.js";
import { button, element, settle, setText } from "./dom.js";
import { count, counted } from "./format.js";
import { icon } from "./icons.js";
import { jobCard } from "./job_card.js";
import { STATES } from "./job_facts.js";
import { JobList, STEP } from "./job_list.js";
import { bindKeys } from "./keys.js";
import { openNewJob } from "./new_job.js";
import { go, route, stay } from "./router.js";
import { emptyState, errorState, problem } from "./toasts.js";

const USUAL = { search: "", state: "" };
// How many were shown last, for who comes back from a job.
let last = { query: "", wanted: STEP };

/**
 * Show it until the signal ends.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function showJobs(root, signal) {
  document.title = "Jobs – swsss";
  root.classList.add("page");
  const { search, state } = route().query;
  new JobsView(root, signal, { search: search ?? "", state: state in STATES ? state : "" });
}

class JobsView {
  /**
   * @param {HTMLElement} root
   * @param {AbortSignal} signal
   * @param {JobFilter} filter
   */
  constructor(root, signal, filter) {
    /** @type {Map<string, ReturnType<typeof jobCard>>} */
    this.cards = new Map();
    this.reading = new AbortController();
    /** @type {HTMLInputElement} */
    this.search = element("input", {
      type: "search",
      placeholder: "Search by name or id",
      "aria-label": "Search by name or id",
      oninput: settle(250, () => signal.aborted || this.change({ search: this.search.value.trim() })),
      onkeydown: (event) => event.key === "Escape" && this.search.blur(),
    });
    /** @type {HTMLSelectElement} */
    this.states = element(
      "select",
      { onchange: () => this.change({ state: this.states.value }) },
      [["", "Any state"], ...Object.entries(STATES)].map(([value, words]) => element("option", { value }, words)),
    );
    this.total = element("p", { class: "total", role: "status" });
    this.bar = element(
      "div",
      { class: "job-filters", hidden: true },
      element("span", { class: "search" }, icon("search"), this.search),
      element("label", { class: "pick" }, element("span", {}, "State"), this.states),
      this.total,
    );
    this.cardList = element("ul", { class: "jobs" });
    this.more = button("Show more", { class: "more-jobs", onclick: () => this.showMore() }, icon("down"));
    this.place = element("div", {}, skeleton());
    const heading = element("header", { class: "heading" }, element("h1", { tabindex: -1 }, "Jobs"), newJobButton());
    root.append(heading, this.bar, this.place);
    signal.addEventListener("abort", () => this.reading.abort());
    bindKeys(signal, { "/": () => this.search.focus() });
    acceptDrops(root, signal);
    this.filter = filter;
    this.list = this.listOf(filter);
  }

  /** @param {Partial<JobFilter>} part */
  change(part) {
    this.show({ ...this.filter, ...part });
  }

  /**
   * Another filter: another list.
   * @param {JobFilter} filter
   */
  show(filter) {
    this.filter = filter;
    this.list = this.listOf(filter);
  }

  /**
   * The list of a filter, which is being read; the controls and the address say what it shows.
   * @param {JobFilter} filter
   */
  listOf(filter) {
    if (this.search.value.trim() !== filter.search) this.search.value = filter.search;
    this.states.value = filter.state;
    stay("jobs", filter);
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    const query = JSON.stringify(filter);
    const list = new JobList(filter, last.query === query ? last.wanted : STEP, signal);
    list.on("change", () => this.build(), { signal });
    list.on("update", (job) => this.cards.get(job.id)?.update(job), { signal });
    list.on("problem", (error) => this.fail(error), { signal });
    list.read();
    return list;
  }

  async showMore() {
    this.more.disabled = true;
    const first = this.list.ids.length;
    await this.list.more();
    this.more.disabled = false;
    // The first new one has the focus: who reads by keyboard goes on there.
    const link = this.cardList.children[first]?.querySelector("h2 a");
    if (link instanceof HTMLElement) link.focus({ preventScroll: true });
  }

  build() {
    const { ids, wanted } = this.list;
    const total = this.list.total ?? 0;
    last = { query: JSON.stringify(this.filter), wanted };
    const filtered = this.filter.search !== "" || this.filter.state !== "";
    this.bar.hidden = total === 0 && !filtered;
    setText(
      this.total,
      ids.length < total ? `${count(ids.length)} of ${counted(total, "job")}` : counted(total, "job"),
    );
    if (!ids.length) {
      this.place.replaceChildren(filtered ? this.nothing() : welcome());
      return;
    }
    const kept = new Set(ids);
    for (const id of [...this.cards.keys()]) if (!kept.has(id)) this.cards.delete(id);
    const wantedCards = ids.flatMap((id) => this.card(jobs.get(id)) ?? []);
    // Only when it differs: moving an element takes the focus away from what is in it.
    const { children } = this.cardList;
    if (wantedCards.length !== children.length || wantedCards.some((card, at) => children[at] !== card))
      this.cardList.replaceChildren(...wantedCards);
    this.more.hidden = ids.length >= total;
    if (!this.cardList.isConnected) this.place.replaceChildren(this.cardList, this.more);
  }

  /** @param {Job | undefined} job */
  card(job) {
    if (!job) return null;
    const known = this.cards.get(job.id);
    known?.update(job);
    const one = known ?? jobCard(job);
    this.cards.set(job.id, one);
    return one.card;
  }

  /** @param {Failure} error */
  fail(error) {
    if (this.list.total === null) this.place.replaceChildren(errorState(error, () => this.list.read(), false));
    else problem(error);
  }

  nothing() {
    const clear = button("Show all jobs", { onclick: () => this.show(USUAL) });
    return emptyState("search", "No job passes this filter", "Choose another state, or clear the search.", clear);
  }
}

function newJobButton() {
  return button("New job", { class: "primary", onclick: () => openNewJob() }, icon("plus"));
}

function welcome() {
  const trial = button("Try one image", { onclick: () => go("try") }, icon("image"));
  return emptyState(
    "folder",
    "No jobs yet",
    "A job labels a folder of images, or a zip of them. You can watch it, review the masks, correct the tags and export what you accept.",
    newJobButton(),
    trial,
  );
}

function skeleton() {
  return element(
    "div",
    { class: "jobs", "aria-label": "Loading", "aria-busy": "true" },
    [1, 2, 3].map(() => element("div", { class: "card skeleton tall" })),
  );
}

/**
 * A zip dropped anywhere on the list opens the dialog with it.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
function acceptDrops(root, signal) {
  root.addEventListener(
    "drop",
    (event) => {
      const file = event.dataTransfer?.files[0];
      if (file) openNewJob(file);
    },
    { signal },
  );
}
