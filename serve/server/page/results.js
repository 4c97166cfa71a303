/** The results of one job: filters, the grid of its images, exports. */
import { ask } from "./api.js";
import { feed, jobs, learn } from "./connection.js";
import { element, throttle } from "./dom.js";
import { filterBar } from "./filters.js";
import { listOf, USUAL } from "./items.js";
import { jobHeader } from "./job_header.js";
import { followClasses, followImages } from "./job_events.js";
import { isOver, nameOf } from "./job_facts.js";
import { bindKeys } from "./keys.js";
import { go, route, stay } from "./router.js";
import { emptyState, errorState, problem, toast } from "./toasts.js";
import { tileOf } from "./tile.js";
import { VirtualGrid } from "./virtual_grid.js";

const REFRESH = 1500;

/** Show them until the signal ends. */
export async function showResults(root, signal, id) {
  document.title = "Results – swsss";
  root.classList.add("results");
  root.append(element("div", { class: "skeleton tall", "aria-label": "Loading", "aria-busy": "true" }));
  try {
    if (!jobs.has(id)) learn(await ask(`v1/jobs/${id}`, { signal }));
    if (!signal.aborted) build(root, signal, id);
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

function build(root, signal, id) {
  const job = jobs.get(id);
  const { at, ...asked } = route().query;
  let filter = { ...USUAL, ...asked };
  let showing = new AbortController();
  let grid = null;
  let list = null;
  let known = job;
  const header = jobHeader(
    job,
    () => review(),
    () => go("jobs"),
  );
  const bar = filterBar(job, filter, (now) => show(now), signal);
  const place = element("div", { class: "place" });
  document.title = `${nameOf(job)} – swsss`;
  root.replaceChildren(header.box, bar.box, place);
  signal.addEventListener("abort", () => showing.abort());
  bindKeys(signal, { "/": () => bar.search.focus(), Escape: () => go("jobs") });
  const refresh = throttle(REFRESH, () => signal.aborted || reread());
  feed.addEventListener("job", ({ detail }) => detail.id === id && follow(detail), { signal });
  feed.addEventListener("ready", again, { signal });
  followImages(
    id,
    () => list,
    () => reread(),
    signal,
  );
  followClasses(job, signal);
  feed.addEventListener("removed", ({ detail }) => detail === id && go("jobs"), { signal });
  show(filter, at === undefined ? null : Number(at));

  /** Another filter: another list; the header and the bar stay. */
  function show(now, focused = null) {
    filter = now;
    const query = Object.fromEntries(Object.entries(filter).filter(([key, value]) => value !== USUAL[key]));
    stay(`jobs/${id}`, query);
    showing.abort();
    showing = new AbortController();
    list = listOf(id, filter);
    const back = list.total !== null;
    const { scroll } = list;
    grid = new VirtualGrid({
      list,
      width: 168,
      height: 34,
      tile: tileOf(job, () => query),
      label: "Images",
      signal: showing.signal,
    });
    list.addEventListener("change", arrived, { signal: showing.signal });
    list.addEventListener("problem", ({ detail }) => failed(detail), { signal: showing.signal });
    place.replaceChildren(grid.element);
    grid.layout();
    if (!back) return list.need(0, 0);
    arrived();
    grid.scrollTo(scroll);
    if (focused !== null) grid.focus(focused);
    return reread();
  }

  function arrived() {
    bar.update(list.total, known);
    if (list.total === 0) return place.replaceChildren(nothing());
    if (!grid.element.isConnected) place.replaceChildren(grid.element);
    if (!grid.columns) grid.layout();
    return grid.render();
  }

  function reread() {
    const [first, last] = grid.columns ? grid.range() : [0, 0];
    list.refresh(first, last).catch((error) => problem(error));
    bar.recount();
  }

  /** After a lost connection: what was told meanwhile was not heard. */
  async function again() {
    try {
      learn(await ask(`v1/jobs/${id}`, { signal }));
      reread();
    } catch (error) {
      if (error.status === 404) go("jobs");
    }
  }

  function failed(error) {
    if (list.total === null) place.replaceChildren(errorState(error, () => show(filter), false));
    else problem(error);
  }

  function follow(now) {
    const moved =
      now.done !== known.done ||
      now.state !== known.state ||
      JSON.stringify(now.review) !== JSON.stringify(known.review);
    known = now;
    header.update(now);
    bar.update(list.total, now);
    if (moved && isOver(now)) reread();
    else if (moved) refresh();
  }

  function nothing() {
    if (!isOver(known) && known.done === 0)
      return emptyState("image", "Nothing labelled yet", "The first images appear here as soon as they are labelled.");
    if (JSON.stringify(filter) === JSON.stringify(USUAL))
      return emptyState("image", "No images", "This job has labelled nothing. Its message and its failures say why.");
    return emptyState(
      "search",
      "No image passes this filter",
      "Choose another state or class, or clear the search.",
      bar.clearButton(),
    );
  }

  async function review() {
    // The first images may have come since the list was read.
    const first = async () => (await list.at(0)) ?? (await list.refresh(0, 0), list.get(0));
    const item = await first().catch((error) => problem(error) ?? null);
    if (item === undefined) return void toast("There is no image to review in this filter.");
    if (item) go(`jobs/${id}/images/${item.number}`, { ...filter, at: 0 });
  }
}
