/** What stands beside the picture in the review: the image, its tags, its classes, the decision. */
import { tagChips } from "./chips.js";
import { button, element, nameText, setText } from "./dom.js";
import { basename, listed, percent } from "./format.js";
import { icon } from "./icons.js";
import { maskLegend } from "./legend.js";

/**
 * What the panel calls: `restore` and `allow` (every class) change the tags, with `rest` the focus goes back to the picture.
 * @typedef {{toggle: (id: number) => void, decide: (verdict: Verdict) => void, restore: () => void, allow: () => void,
 *   hide: (ids: Set<number>) => void, rest: () => void}} PanelCalls
 */

/** @type {{verdict: Verdict, words: string, key: string, drawing: string}[]} */
const DECISIONS = [
  { verdict: "accepted", words: "Accept", key: "a", drawing: "check" },
  { verdict: "rejected", words: "Reject", key: "r", drawing: "cross" },
  { verdict: "flagged", words: "Flag", key: "f", drawing: "flag" },
];

/**
 * The panel.
 * @param {Job} job
 * @param {PanelCalls} calls
 */
export function reviewPanel(job, calls) {
  const { classes } = job;
  const names = new Map(classes.map((one) => [one.id, one.name]));
  const chips = tagChips(classes, calls.toggle, calls.rest);
  const legend = maskLegend(classes, calls.hide, calls.rest);
  const title = element("h1", { tabindex: -1 });
  const facts = element("dl", { class: "image-facts" });
  const note = element("p", { class: "note" });
  const restore = button(
    "Restore",
    {
      class: "quiet small",
      title: "Go back to the tags the job began with",
      "aria-label": "Restore the original tags",
      onclick: calls.restore,
    },
    icon("undo"),
  );
  const any = button("Any class", {
    class: "quiet small",
    title: "Allow every class in this image",
    onclick: calls.allow,
  });
  const failure = element("div", { class: "message", role: "alert" });
  const lacking = element("p", { class: "message lacking" });
  const plain = job.task === "plain";
  chips.disable(plain);
  const tags = element(
    "section",
    { "aria-label": "Tags" },
    element("header", {}, element("h2", {}, "Tags"), element("div", {}, any, restore)),
    note,
    chips.box,
    lacking,
  );
  const mask = element("section", { "aria-label": "Mask" }, element("h2", {}, "In the mask"), legend.box);
  const decisions = DECISIONS.map((one) => decision(one, calls));
  const box = element(
    "aside",
    { class: "panel", "aria-label": "Image" },
    element("div", { class: "scroll" }, element("section", {}, title, facts, failure), tags, mask),
    element("div", { class: "decisions", role: "group", "aria-label": "Decision" }, ...decisions),
  );
  return { box, chips, open, update };

  /**
   * Another image.
   * @param {Item} item
   */
  function open(item) {
    title.replaceChildren(nameText(basename(item.image)));
    title.title = item.image;
    chips.reorder(item.tags);
  }

  /**
   * The state of the image: `item` as stored, `wanted` as wished for.
   * @param {Item} item
   * @param {Required<Wishes>} wanted
   */
  function update(item, wanted) {
    const failed = item.state === "failed";
    facts.replaceChildren(...factsOf(item, wanted));
    setText(failure, failed ? `Not labelled, at “${item.stage}”: ${item.reason}` : "");
    failure.hidden = !failed;
    tags.hidden = failed;
    mask.hidden = failed;
    chips.update(wanted.tags, item.not_found);
    setText(note, plain ? "The job's model takes no tags, so they cannot change its masks." : noteOf(wanted.tags));
    note.hidden = !note.textContent;
    restore.hidden = !item.changed;
    any.hidden = plain || wanted.tags === null;
    const missing = item.not_found.filter((id) => wanted.tags?.includes(id));
    setText(
      lacking,
      missing.length ? `No pixels were found of ${listed(missing.map((id) => names.get(id) ?? String(id)))}.` : "",
    );
    lacking.hidden = !missing.length;
    legend.update(item.pixels, item.class_confidence);
    for (const one of decisions) {
      one.setAttribute("aria-pressed", String(one.dataset.verdict === wanted.verdict));
      one.disabled = failed;
    }
  }
}

/** @param {number[] | null} tags */
function noteOf(tags) {
  if (tags === null) return "Any: every class is allowed. A click allows only that class.";
  return tags.length ? "" : "None: only background is allowed.";
}

/**
 * @param {Item} item
 * @param {Required<Wishes>} wanted
 */
function factsOf(item, wanted) {
  const folder = item.image.slice(0, -basename(item.image).length - 1);
  /** @type {([string, Child] | false | "")[]} */
  const rows = [
    folder && ["Folder", nameText(folder)],
    item.width > 0 && ["Size", `${item.width} × ${item.height}`],
    item.state !== "failed" && ["Confidence", percent(item.confidence)],
    wanted.verdict && ["Decision", element("span", { class: `verdict ${wanted.verdict}` }, wanted.verdict)],
    item.changed && ["Tags", "changed"],
  ];
  return rows.flatMap((row) => (row ? [element("dt", {}, row[0]), element("dd", {}, row[1])] : []));
}

/**
 * @param {{verdict: Verdict, words: string, key: string, drawing: string}} one
 * @param {PanelCalls} calls
 */
function decision({ verdict, words, key, drawing }, { decide, rest }) {
  const made = element(
    "button",
    {
      type: "button",
      class: `decision ${verdict}`,
      "data-verdict": verdict,
      "aria-pressed": "false",
      title: `${words} (${key})`,
      "aria-keyshortcuts": key,
    },
    icon(drawing),
    element("span", {}, words),
    element("kbd", { "aria-hidden": "true" }, key),
  );
  made.addEventListener("click", (event) => {
    decide(verdict);
    if (event.detail > 0) rest();
  });
  return made;
}
