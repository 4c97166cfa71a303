/** The results of one job: filters, the grid of its images, exports. */
import { ask } from "./api.js";
import { feed, jobs, learn } from "./connection.js";
import { element, throttle } from "./dom.js";
import { filterBar } from "./filters.js";
import { unusual, USUAL } from "./item_filter.js";
import { listOf } from "./items.js";
import { jobHeader } from "./job_header.js";
import { followClasses, followImages } from "./job_events.js";
import { isOver, nameOf } from "./job_facts.js";
import { bindKeys } from "./keys.js";
import { go, route, stay } from "./router.js";
import { emptyState, errorState, problem, toast } from "./toasts.js";
import { tileOf } from "./tile.js";
import { VirtualGrid } from "./virtual_grid.js";

const REFRESH = 1500;

/**
 * Show them until the signal ends.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 * @param {string} id
 */
export async function showResults(root, signal, id) {
  document.title = "Results – swsss";
  root.classList.add("results");
  root.append(element("div", { class: "skeleton tall", "aria-label": "Loading", "aria-busy": "true" }));
  try {
    if (!jobs.has(id)) learn(await ask(`v1/jobs/${id}`, { signal }));
    const job = jobs.get(id);
    if (!job || signal.aborted) return;
    const { at, ...asked } = route().query;
    new Results(root, signal, job, { ...USUAL, ...asked }).begin(at === undefined ? null : Number(at));
  } catch (error) {
    if (!signal.aborted)
      root.replaceChildren(
        errorState(error, () => {
          root.replaceChildren();
          showResults(root, signal, id);
        }),
      );
  }
}

class Results {
  /**
   * @param {HTMLElement} root
   * @param {AbortSignal} signal
   * @param {Job} job
   * @param {Filter} filter
   */
  constructor(root, signal, job, filter) {
    this.job = job;
    this.signal = signal;
    this.header = jobHeader(
      job,
      () => this.review(),
      () => go("jobs"),
    );
    this.bar = filterBar(job, filter, (now) => this.show(now), signal);
    this.place = element("div", { class: "place" });
    this.refresh = throttle(REFRESH, () => signal.aborted || this.reread());
    this.filter = filter;
    this.list = listOf(job.id, filter);
    this.showing = new AbortController();
    this.grid = this.gridOf();
    document.title = `${nameOf(job)} – swsss`;
    root.replaceChildren(this.header.box, this.bar.box, this.place);
    signal.addEventListener("abort", () => this.showing.abort());
    bindKeys(signal, { "/": () => this.bar.search.focus(), Escape: () => go("jobs") });
    this.listen();
  }

  listen() {
    const { id } = this.job;
    const { signal } = this;
    feed.on("job", (now) => now.id === id && this.follow(now), { signal });
    feed.on("ready", () => this.again(), { signal });
    feed.on("removed", (gone) => gone === id && go("jobs"), { signal });
    followImages(
      id,
      () => this.list,
      () => this.reread(),
      signal,
    );
    followClasses(this.job, signal);
  }

  /**
   * Another filter: another list; the header and the bar stay.
   * @param {Filter} filter
   */
  show(filter) {
    this.showing.abort();
    this.showing = new AbortController();
    this.filter = filter;
    this.list = listOf(this.job.id, filter);
    this.grid = this.gridOf();
    this.begin(null);
  }

  /**
   * Show the list of the filter.
   * @param {number | null} focused The place of the image that has the focus.
   */
  begin(focused) {
    const { list, grid } = this;
    const { signal } = this.showing;
    const { scroll } = list;
    stay(`jobs/${this.job.id}`, unusual(this.filter));
    list.on("change", () => this.arrived(), { signal });
    list.on("problem", (error) => this.failed(error), { signal });
    this.place.replaceChildren(grid.element);
    grid.layout();
    if (list.total === null) {
      list.need(0, 0);
      return;
    }
    this.arrived();
    grid.scrollTo(scroll);
    if (focused !== null) grid.focus(focused);
    this.reread();
  }

  gridOf() {
    const { list, filter } = this;
    const tile = tileOf(this.job, unusual(filter));
    return new VirtualGrid({ list, width: 168, height: 34, tile, label: "Images", signal: this.showing.signal });
  }

  arrived() {
    const { grid, list } = this;
    this.bar.update(list.total, this.job);
    if (list.total === 0) {
      this.place.replaceChildren(this.nothing());
      return;
    }
    if (!grid.element.isConnected) this.place.replaceChildren(grid.element);
    if (!grid.columns) grid.layout();
    grid.render();
  }

  reread() {
    const [first, last] = this.grid.columns ? this.grid.range() : [0, 0];
    this.list.refresh(first, last).catch((error) => problem(error));
    this.bar.recount();
  }

  /** After a lost connection: what was told meanwhile was not heard. */
  async again() {
    try {
      learn(await ask(`v1/jobs/${this.job.id}`, { signal: this.signal }));
      this.reread();
    } catch (error) {
      if (error.status === 404) go("jobs");
    }
  }

  /** @param {Failure} error */
  failed(error) {
    if (this.list.total === null)
      this.place.replaceChildren(errorState(error, () => this.show(this.filter), false));
    else problem(error);
  }

  /** @param {Job} now */
  follow(now) {
    const before = this.job;
    const moved =
      now.done !== before.done ||
      now.state !== before.state ||
      JSON.stringify(now.review) !== JSON.stringify(before.review);
    this.job = now;
    this.header.update(now);
    this.bar.update(this.list.total, now);
    if (moved && isOver(now)) this.reread();
    else if (moved) this.refresh();
  }

  nothing() {
    if (!isOver(this.job) && this.job.done === 0)
      return emptyState("image", "Nothing labelled yet", "The first images appear here as soon as they are labelled.");
    if (JSON.stringify(this.filter) === JSON.stringify(USUAL))
      return emptyState("image", "No images", "This job has labelled nothing. Its message and its failures say why.");
    return emptyState(
      "search",
      "No image passes this filter",
      "Choose another state or class, or clear the search.",
      this.bar.clearButton(),
    );
  }

  async review() {
    const { list } = this;
    try {
      // The first images may have come since the list was read.
      const item = (await list.at(0)) ?? (await list.refresh(0, 0), list.get(0));
      if (item) go(`jobs/${this.job.id}/images/${item.number}`, { ...this.filter, at: 0 });
      else toast("There is no image to review in this filter.");
    } catch (error) {
      problem(error);
    }
  }
}
