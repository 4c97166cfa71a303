/** The list of jobs, live. */
import { feed, jobs } from "./connection.js";
import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { jobCard } from "./job_card.js";
import { openNewJob } from "./new_job.js";
import { go } from "./router.js";
import { emptyState } from "./toasts.js";

let known = false;
feed.addEventListener("ready", () => {
  known = true;
});

/** Show it until the signal ends. */
export function showJobs(root, signal) {
  document.title = "Jobs – swsss";
  const cards = new Map();
  const list = element("ul", { class: "jobs" });
  const place = element("div", {});
  const make = () => button("New job", { class: "primary", onclick: () => openNewJob() }, icon("plus"));
  root.classList.add("page");
  root.append(element("header", { class: "heading" }, element("h1", { tabindex: -1 }, "Jobs"), make()), place);

  feed.addEventListener("ready", build, { signal });
  feed.addEventListener("job", ({ detail }) => (cards.has(detail.id) ? cards.get(detail.id).update(detail) : build()), {
    signal,
  });
  feed.addEventListener("removed", build, { signal });
  acceptDrops(root, signal);
  build();

  function build() {
    if (!known) return place.replaceChildren(skeleton());
    if (!jobs.size) return place.replaceChildren(welcome(make()));
    const sorted = [...jobs.values()].sort((one, other) => (one.created < other.created ? 1 : -1));
    for (const id of [...cards.keys()]) if (!jobs.has(id)) cards.delete(id);
    for (const job of sorted) {
      if (cards.has(job.id)) cards.get(job.id).update(job);
      else cards.set(job.id, jobCard(job));
    }
    const wanted = sorted.map((job) => cards.get(job.id).card);
    // Only when it differs: moving an element takes the focus away from what is in it.
    if (wanted.length !== list.children.length || wanted.some((card, at) => list.children[at] !== card))
      list.replaceChildren(...wanted);
    if (!list.isConnected) place.replaceChildren(list);
    return null;
  }
}

function welcome(make) {
  const trial = button("Try one image", { onclick: () => go("try") }, icon("image"));
  return emptyState(
    "folder",
    "No jobs yet",
    "A job labels a folder of images, or a zip of them. You can watch it, review the masks, correct the tags and export what you accept.",
    make,
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

/** A zip dropped anywhere on the list opens the dialog with it. */
function acceptDrops(root, signal) {
  root.addEventListener(
    "drop",
    (event) => {
      const [file] = event.dataTransfer.files;
      if (file) openNewJob(file);
    },
    { signal },
  );
}
