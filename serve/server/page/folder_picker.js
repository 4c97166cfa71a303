/** Picks a folder of images and a table of tags below the server's root, by browsing. */
import { address, ask } from "./api.js";
import { button, element, nameText } from "./dom.js";
import { counted } from "./format.js";
import { icon } from "./icons.js";

/** @typedef {{images: string | null, labels: string | null, decided: boolean}} FolderChoice */

/**
 * The picker.
 * @param {(choice: FolderChoice) => void} changed Called with every new choice.
 */
export function folderPicker(changed) {
  /** @type {FolderChoice} */
  const choice = { images: null, labels: null, decided: false };
  const crumbs = element("nav", { class: "crumbs", "aria-label": "Folder" });
  const entries = element("ul", { class: "entries", "aria-live": "polite" });
  const chosen = element("dl", { class: "chosen" });
  const box = element("div", { class: "picker" }, crumbs, entries, chosen);
  let latest = 0;
  open("");
  showChoice();
  return { box, choice };

  /** @param {string} path */
  async function open(path) {
    latest += 1;
    const asked = latest;
    entries.setAttribute("aria-busy", "true");
    try {
      const listing = await ask(address("v1/folders", { path }));
      if (asked === latest) show(listing);
    } catch (error) {
      entries.replaceChildren(element("li", { class: "trouble", role: "alert" }, error.message));
    } finally {
      entries.removeAttribute("aria-busy");
    }
  }

  /** @param {FolderListing} listing */
  function show({ path, folders, tables, images, dataset }) {
    const parts = path.split("/").filter((part) => part && part !== ".");
    const links = [["Server", ""], ...parts.map((part, at) => [part, parts.slice(0, at + 1).join("/")])];
    crumbs.replaceChildren(...links.map(([words, to]) => button(words, { class: "quiet", onclick: () => open(to) })));
    crumbs.lastElementChild?.setAttribute("aria-current", "location");
    entries.replaceChildren(
      element("li", {}, dataset ? useDataset(dataset) : useFolder(path, images)),
      ...folders.map((one) => entry("folder", one.name, `Open folder ${one.name}`, () => open(one.path))),
      ...tables.map((one) =>
        entry("table", one.name, `Use ${one.name} as tags`, () => pick({ labels: one.path, decided: true })),
      ),
    );
    if (!folders.length && !tables.length)
      entries.append(element("li", { class: "note" }, "No folders and no csv files in here."));
    suggest(tables);
  }

  /**
   * @param {string} path
   * @param {number} images
   */
  function useFolder(path, images) {
    const words = images
      ? `Use this folder (${counted(images, "image")} and its subfolders)`
      : "Use this folder with its subfolders";
    return button(words, { onclick: () => pick({ images: path || "." }) }, icon("check"));
  }

  /**
   * Of a dataset directory only the images are meant: its masks are pictures too, but none to be labelled.
   * @param {{images: string, labels: string | null}} dataset
   */
  function useDataset({ images, labels }) {
    const words = labels ? "Use the images and tags of this dataset" : "Use the images of this dataset";
    const part = labels ? { images, labels, decided: true } : { images };
    return button(words, { onclick: () => pick(part) }, icon("check"));
  }

  /**
   * A `tags.csv` beside or in what was chosen is what people mean nearly always; they see it and can take it out.
   * @param {{name: string, path: string}[]} tables
   */
  function suggest(tables) {
    const found = tables.find((one) => one.name === "tags.csv");
    if (found && !choice.decided) pick({ labels: found.path });
  }

  /** @param {Partial<FolderChoice>} part */
  function pick(part) {
    Object.assign(choice, part);
    showChoice();
    changed(choice);
  }

  function showChoice() {
    const clear = button(
      "Without tags file",
      { class: "quiet", onclick: () => pick({ labels: null, decided: true }) },
      icon("cross"),
    );
    chosen.replaceChildren(
      element("dt", {}, "Images"),
      element("dd", {}, choice.images === null ? "not chosen yet: open a folder and use it" : nameText(choice.images)),
      element("dt", {}, "Tags"),
      element(
        "dd",
        {},
        choice.labels === null ? "none: choose a csv file" : nameText(choice.labels),
        choice.labels !== null && clear,
      ),
    );
  }
}

/**
 * @param {string} drawing
 * @param {string} words
 * @param {string} label
 * @param {() => void} call
 */
function entry(drawing, words, label, call) {
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", class: "quiet", "aria-label": label, onclick: call },
      icon(drawing),
      nameText(words),
    ),
  );
}
