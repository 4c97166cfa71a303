/** Takes an image by a drop, the file dialog, or a paste. */
import { button, element, setText } from "./dom.js";
import { bytes } from "./format.js";
import { icon } from "./icons.js";

/**
 * The big drop area, and a small button for another image after the first.
 * @param {number} limit
 * @param {(file: File) => void} taken
 * @param {AbortSignal} signal
 */
export function imagePicker(limit, taken, signal) {
  /** @type {HTMLInputElement} */
  const input = element("input", {
    type: "file",
    accept: "image/*,.tif,.tiff",
    "aria-label": "Choose an image file",
    onchange: () => take(input.files?.[0]),
  });
  const trouble = element("p", { class: "trouble", role: "alert" });
  const box = element(
    "label",
    { class: "drop" },
    icon("image"),
    element("p", {}, "Drop an image, paste one, or choose a file"),
    element("small", {}, `Nothing is kept on the server. At most ${bytes(limit)}.`),
    input,
    trouble,
  );
  const again = button("Another image", { hidden: true, onclick: () => input.click() }, icon("image"));
  addEventListener(
    "paste",
    (event) => {
      take(event.clipboardData?.files[0]);
    },
    { signal },
  );
  return { box, again, take };

  /** @param {File | undefined} file */
  function take(file) {
    if (!file) return;
    setText(
      trouble,
      file.size > limit ? `“${file.name}” has ${bytes(file.size)}; the server takes ${bytes(limit)}.` : "",
    );
    if (file.size > limit) box.hidden = false;
    else taken(file);
  }
}
