/** The keys of the page, in a dialog. */
import { openDialog } from "./dialogs.js";
import { element } from "./dom.js";

/** @type {[string, [string[], string][]][]} */
const GROUPS = [
  [
    "Review: decide",
    [
      [["a"], "accept, and go to the next image"],
      [["r"], "reject, and go to the next image"],
      [["f"], "flag for later"],
      [["a", "r", "f"], "again: take it back"],
      [["1", "…", "9"], "add or remove the n-th tag"],
      [["u"], "undo the last change"],
    ],
  ],
  [
    "Review: move",
    [
      [["→", "j"], "next image"],
      [["←", "k"], "previous image"],
      [["Esc"], "back to the results"],
    ],
  ],
  [
    "Review: look",
    [
      [["Space"], "hide the mask while held"],
      [["[", "]"], "mask fainter, stronger (or o, O)"],
      [["l"], "outlines"],
      [["+", "−"], "zoom in, out (or the wheel; drag to move)"],
      [["0"], "fit (or a double click)"],
    ],
  ],
  ["Jobs", [[["/"], "search by name or id"]]],
  [
    "Results",
    [
      [["↑", "↓", "←", "→"], "from image to image"],
      [["Home", "End"], "first, last image"],
      [["Enter"], "review the image"],
      [["/"], "search by name"],
    ],
  ],
];

/** Open the dialog. */
export function showHelp() {
  const groups = GROUPS.map(([title, rows]) =>
    element(
      "section",
      {},
      element("h3", {}, title),
      element(
        "dl",
        { class: "keys" },
        rows.flatMap(([keys, text]) => [
          element(
            "dt",
            {},
            keys.map((key) => (key === "…" ? "…" : element("kbd", {}, key))),
          ),
          element("dd", {}, text),
        ]),
      ),
    ),
  );
  openDialog("Keyboard", element("div", { class: "body columns" }, ...groups), { wide: true });
}
