/** The dialog that submits a job: a folder on the server, or a zip. */
import { address, ask, upload } from "./api.js";
import { learn } from "./connection.js";
import { openDialog } from "./dialogs.js";
import { button, element, setText } from "./dom.js";
import { folderPicker } from "./folder_picker.js";
import { bytes, percent } from "./format.js";
import { progressBar } from "./job_card.js";
import { jobOptions } from "./job_options.js";
import { go } from "./router.js";
import { serverInfo } from "./server.js";
import { toast } from "./toasts.js";
import { zipPicker } from "./zip_picker.js";

/**
 * Open it; with a file it begins at the upload.
 * @param {File | null} [file]
 */
export function openNewJob(file = null) {
  const { root, limits } = serverInfo();
  const giving = new AbortController();
  const picker = root ? folderPicker(check) : null;
  const zip = zipPicker(limits.archive_bytes, check);
  const options = jobOptions();
  const trouble = element("p", { class: "trouble", role: "alert" });
  const send = button("Start labelling", { type: "submit", class: "primary" });
  const cancel = button("Cancel", { onclick: () => dialog.close() });
  const progress = progressBar("Upload");
  const sent = element("p", { class: "note" });
  const sending = element("div", { class: "sending", hidden: true }, progress.bar, sent);
  const sources = sourceTabs(picker?.box, zip.box, check);
  const form = element(
    "form",
    { class: "body", novalidate: true, onsubmit: submit },
    sources.box,
    options.box,
    trouble,
    sending,
    element("div", { class: "actions end" }, cancel, send),
  );
  const dialog = openDialog("New job", form, { wide: true });
  dialog.addEventListener("close", () => giving.abort());
  if (file || !root) sources.choose("zip");
  if (file) zip.take(file);
  check();

  function check() {
    send.disabled = sources.chosen() === "zip" ? !zip.file() : !picker?.choice.images;
    send.title = send.disabled ? "Choose the images first" : "";
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (send.disabled) return;
    trouble.textContent = "";
    send.disabled = true;
    try {
      const archive = zip.file();
      const job = await (sources.chosen() === "zip" && archive ? sendZip(archive) : sendFolder());
      learn(job);
      dialog.close();
      toast("The job is submitted.");
      go(`jobs/${job.id}`);
    } catch (error) {
      if (error.name !== "AbortError") trouble.textContent = error.message;
      sending.hidden = true;
      check();
    }
  }

  function sendFolder() {
    const json = { images: picker?.choice.images, labels: picker?.choice.labels, ...options.values() };
    return ask("v1/jobs", { method: "POST", json, signal: giving.signal });
  }

  /** @param {File} archive */
  function sendZip(archive) {
    sending.hidden = false;
    /** @param {number} share */
    const tell = (share) => {
      progress.update(share);
      setText(
        sent,
        share < 1
          ? `${percent(share, 0)} of ${bytes(archive.size)} sent. Cancel to give up.`
          : "Sent. The server unpacks and checks it.",
      );
    };
    tell(0);
    return upload(address("v1/jobs/archive", options.values()), archive, tell, giving.signal);
  }
}

/**
 * Radio buttons that look like tabs.
 * @param {HTMLElement | undefined} folder
 * @param {HTMLElement} zip
 * @param {() => void} changed
 */
function sourceTabs(folder, zip, changed) {
  /**
   * @param {string} value
   * @param {string} words
   * @param {boolean} off
   */
  const radio = (value, words, off) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: "source", value, disabled: off, onchange: show }),
      element("span", {}, words),
    );
  const rows = element(
    "fieldset",
    { class: "segments" },
    element("legend", {}, "Images from"),
    radio("folder", "Folder on the server", !folder),
    radio("zip", "Zip archive", false),
  );
  const note =
    !folder && element("p", { class: "note" }, "Folders can be named when the server is started with --root.");
  const box = element("div", {}, rows, note, folder, zip);
  const input = (/** @type {string} */ value) =>
    /** @type {HTMLInputElement} */ (rows.querySelector(`[value=${value}]`));
  /** @param {string} value */
  const choose = (value) => {
    input(value).checked = true;
    show();
  };
  const chosen = () => (input("zip").checked ? "zip" : "folder");
  function show() {
    if (folder) folder.hidden = chosen() !== "folder";
    zip.hidden = chosen() !== "zip";
    changed();
  }
  input(folder ? "folder" : "zip").checked = true;
  zip.hidden = Boolean(folder);
  return { box, choose, chosen };
}
