/** One image of the grid: thumbnail, name, confidence and what is odd about it. */
import { address } from "./api.js";
import { element, setText } from "./dom.js";
import { basename, percent } from "./format.js";
import { icon } from "./icons.js";
import { hrefOf } from "./router.js";

/** @type {Record<string, string>} */
const VERDICTS = { accepted: "check", rejected: "cross", flagged: "flag" };

/**
 * Makes the tiles of a job.
 * @param {Job} job The job; its classes give the names.
 * @param {Partial<Filter>} query The filter, for the address of the review.
 */
export function tileOf(job, query) {
  const names = new Map(job.classes.map((one) => [one.id, one.name]));
  return () => {
    const picture = element("img", { alt: "", draggable: "false", decoding: "async" });
    const frame = element("span", { class: "frame" }, picture);
    const name = element("bdi", { class: "file-name" });
    const note = element("span", { class: "note" });
    const marks = element("span", { class: "marks" });
    const link = element("a", { class: "tile" }, frame, marks, element("span", { class: "caption" }, name, " ", note));
    picture.addEventListener("load", () => link.classList.remove("waiting"));
    picture.addEventListener("error", () => link.classList.replace("waiting", "gone"));
    let drawn = "";
    return { link, update };

    /**
     * @param {Item | undefined} item
     * @param {number} index
     * @param {boolean} quick
     */
    function update(item, index, quick) {
      if (item) draw(item, index, quick);
      else clear();
    }

    /**
     * @param {Item} item
     * @param {number} index
     * @param {boolean} quick
     */
    function draw(item, index, quick) {
      const state = JSON.stringify([
        item.number,
        item.version,
        item.verdict,
        item.changed,
        item.state,
        item.not_found,
        index,
      ]);
      if (state === drawn) return;
      // The text is cheap; a picture that is gone before it arrives is not.
      if (!quick) drawn = state;
      link.href = hrefOf(`jobs/${job.id}/images/${item.number}`, { ...query, at: index });
      link.title = item.image;
      setText(name, basename(item.image));
      describe(item);
      const source = address(`v1/jobs/${job.id}/images/${item.number}/thumbnail`, { v: item.version });
      if (item.state === "failed") {
        link.className = "tile failed";
        picture.removeAttribute("src");
      } else if (!quick && picture.getAttribute("src") !== source) {
        link.className = "tile waiting";
        picture.src = source;
      }
    }

    function clear() {
      if (drawn === "" && link.classList.contains("empty-tile")) return;
      drawn = "";
      link.className = "tile waiting empty-tile";
      link.removeAttribute("href");
      picture.removeAttribute("src");
      setText(name, "");
      setText(note, "");
      marks.replaceChildren();
    }

    /** @param {Item} item */
    function describe(item) {
      const failed = item.state === "failed";
      const lacking = item.not_found.map((id) => names.get(id) ?? id);
      setText(note, failed ? "failed" : percent(item.confidence, 0));
      const shown = [
        failed && mark("warn", "bad", "Failed"),
        item.verdict && mark(VERDICTS[item.verdict], item.verdict, item.verdict),
        item.changed && mark("pencil", "changed", "Tags changed"),
        lacking.length > 0 && mark("warn", "lacking", `No pixels of: ${lacking.join(", ")}`),
      ].filter((one) => one !== false && one !== "");
      marks.replaceChildren(...shown);
      const said = failed ? "failed" : `${percent(item.confidence, 0)} confidence`;
      const folder = item.image.slice(0, -basename(item.image).length - 1);
      const others = shown.map((one) => one.title.toLowerCase()).filter((words) => words !== "failed");
      link.setAttribute(
        "aria-label",
        [`${basename(item.image)} ${said}`, folder && `in ${folder}`, ...others].filter(Boolean).join(", "),
      );
    }
  };
}

/**
 * @param {string} drawing
 * @param {string} kind
 * @param {string} words
 */
function mark(drawing, kind, words) {
  return element("span", { class: `mark ${kind}`, title: words }, icon(drawing));
}
