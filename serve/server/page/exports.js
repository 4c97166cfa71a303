/** What can be taken away from a job: a menu of files, as people left them or as the job made them. */
import { call } from "./api.js";
import { element, setText } from "./dom.js";
import { counted } from "./format.js";
import { isOver } from "./job_facts.js";
import { menu } from "./menu.js";
import { problem } from "./toasts.js";

/** @type {Record<string, {words: string, note: string}>} */
const VERSIONS = {
  reviewed: { words: "As reviewed", note: "Every mask, with corrected tags and their masks." },
  accepted: { words: "Accepted only", note: "Only the images that people accepted, as they left them." },
  made: { words: "As made", note: "What the model made of the tags the job began with." },
};

/**
 * A file: `file` is its address below the job, `note` and `ready` go by the job and the version that is chosen.
 * @typedef {{words: string, file: string, note: (job: Job) => string, ready: (job: Job, version: string) => boolean,
 *   opens?: boolean}} ExportFile
 */

/** @type {ExportFile[]} */
const BY_VERSION = [
  { words: "Labels folder (zip)", file: "result.zip", note: () => "masks, manifest, and the job's formats" },
  { words: "COCO (json)", file: "export/coco", note: () => "polygons and run lengths" },
  { words: "CVAT (zip)", file: "export/cvat", note: () => "masks and tags to import there" },
  { words: "Label Studio (zip)", file: "export/label-studio", note: () => "tasks with predictions to import there" },
].map((one) => ({ ...one, ready: (job, version) => job.done > 0 && (version !== "accepted" || accepted(job) > 0) }));
/** @type {ExportFile[]} */
const OTHERS = [
  {
    words: "Accepted masks as a dataset (zip)",
    file: "accepted.zip",
    note: (job) => (accepted(job) ? `${counted(accepted(job), "image")}, for the next training` : "none accepted yet"),
    ready: (job) => accepted(job) > 0,
  },
  {
    words: "Corrected tags (csv)",
    file: "tags.csv",
    note: ({ review }) => (review?.changed ? `${counted(review.changed, "image")} changed` : "none changed yet"),
    ready: () => true,
  },
  {
    words: "Failures (csv)",
    file: "failures.csv",
    note: (job) => (job.failed ? counted(job.failed, "image") : "none"),
    ready: (job) => job.failed > 0,
  },
  {
    words: "Report",
    file: "report.html",
    note: (job) => (job.state === "done" ? "opens in a new tab" : "when the job is done"),
    ready: (job) => job.state === "done",
    opens: true,
  },
];

/**
 * The menu; it is built when it is opened, because a list of jobs has many.
 * @param {string} words
 * @param {Job} job
 * @param {Attributes} [attributes]
 */
export function exportMenu(words, job, attributes = {}) {
  const box = menu(words, "download", attributes, build);
  let current = job;
  let version = "reviewed";
  /** @type {ReturnType<typeof fileRow>[]} */
  let rows = [];
  return { box, update };

  /** @param {Job} now */
  function update(now) {
    current = now;
    for (const one of rows) one.update(current, version);
  }

  function build() {
    const note = element("p", { class: "note" }, VERSIONS[version].note);
    const choose = (/** @type {string} */ name) => {
      version = name;
      setText(note, VERSIONS[name].note);
      update(current);
    };
    rows = [...BY_VERSION, ...OTHERS].map((file) => fileRow(job.id, file, BY_VERSION.includes(file)));
    update(current);
    const links = rows.map((row) => row.link);
    return [
      versionSwitch(job.id, version, choose),
      note,
      list(links.slice(0, BY_VERSION.length)),
      list(links.slice(BY_VERSION.length)),
    ];
  }
}

/** @param {Job} job */
function accepted(job) {
  return job.review?.accepted ?? 0;
}

/** @param {HTMLElement[]} links */
function list(links) {
  return element("ul", {}, ...links.map((link) => element("li", {}, link)));
}

/**
 * @param {string} id
 * @param {string} chosen
 * @param {(version: string) => void} choose
 */
function versionSwitch(id, chosen, choose) {
  const options = Object.entries(VERSIONS).map(([value, { words }]) =>
    element(
      "label",
      {},
      element("input", {
        type: "radio",
        name: `version-${id}`,
        value,
        checked: value === chosen,
        onchange: () => choose(value),
      }),
      element("span", {}, words),
    ),
  );
  return element("fieldset", { class: "segments" }, element("legend", { class: "unseen" }, "Which labels"), ...options);
}

/**
 * @param {string} id
 * @param {ExportFile} file
 * @param {boolean} versioned
 */
function fileRow(id, { words, file, note, ready, opens }, versioned) {
  const small = element("small", {});
  const how = opens ? { target: "_blank", rel: "noopener" } : { download: "" };
  const link = element("a", { class: "file", role: "link", ...how }, element("span", {}, words), small);
  link.addEventListener("click", (event) => save(event, link));
  return { link, update };

  /**
   * @param {Job} job
   * @param {string} version
   */
  function update(job, version) {
    setText(small, note(job) + (versioned && !isOver(job) ? ", as far as they are made" : ""));
    const off = !ready(job, version);
    // Without an address it cannot be followed.
    if (off) link.removeAttribute("href");
    else link.href = `v1/jobs/${id}/${file}${versioned ? `?as=${version}` : ""}`;
    link.setAttribute("aria-disabled", String(off));
  }
}

/**
 * Ask first, so that a refusal is told here and not saved as a file; the file itself the browser fetches, not the page.
 * @param {MouseEvent} event
 * @param {HTMLAnchorElement} link
 */
async function save(event, link) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !link.href) return;
  event.preventDefault();
  if (link.hasAttribute("aria-busy")) return;
  link.setAttribute("aria-busy", "true");
  const asking = new AbortController();
  try {
    await call(link.href, { signal: asking.signal });
    element("a", { href: link.href, target: link.target, rel: "noopener", download: !link.target }).click();
  } catch (error) {
    problem(error);
  } finally {
    asking.abort();
    link.removeAttribute("aria-busy");
  }
}
