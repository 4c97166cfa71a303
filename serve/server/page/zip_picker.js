/** Takes a zip by a drop or the file dialog, and checks what can be checked before it is sent. */
import { element, nameText } from "./dom.js";
import { bytes } from "./format.js";
import { icon } from "./icons.js";

/**
 * The picker; `changed` is called when a file is taken or refused.
 * @param {number} limit
 * @param {() => void} changed
 */
export function zipPicker(limit, changed) {
  /** @type {File | null} */
  let file = null;
  /** @type {HTMLInputElement} */
  const input = element("input", {
    type: "file",
    accept: ".zip,application/zip",
    "aria-label": "Zip archive",
    onchange: () => take(input.files?.[0]),
  });
  const words = element("p", {}, "Drop a zip here, or choose one");
  const note = element("small", {}, `Images in any folders and, if you like, one tags.csv. At most ${bytes(limit)}.`);
  const box = element("label", { class: "drop" }, icon("upload"), words, note, input);
  box.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    box.classList.remove("over");
    take(event.dataTransfer?.files[0]);
  });
  return { box, take, file: () => file };

  /** @param {File | undefined} given */
  function take(given) {
    if (!given) return;
    const reason = refused(given, limit);
    file = reason ? null : given;
    box.classList.toggle("bad", Boolean(reason));
    words.replaceChildren(reason || nameText(given.name), reason ? "" : ` (${bytes(given.size)})`);
    changed();
  }
}

/**
 * @param {File} file
 * @param {number} limit
 */
function refused(file, limit) {
  if (!file.name.toLowerCase().endsWith(".zip")) return `“${file.name}” is not a zip: pack the images into one.`;
  if (file.size > limit)
    return `“${file.name}” has ${bytes(file.size)}; the server takes ${bytes(limit)}: split it, or raise its limit.`;
  return "";
}
