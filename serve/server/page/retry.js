/** The dialog that labels a job's images once more, with other options. */
import { ask } from "./api.js";
import { learn } from "./connection.js";
import { openDialog } from "./dialogs.js";
import { button, element } from "./dom.js";
import { nameOf } from "./job_facts.js";
import { jobOptions } from "./job_options.js";
import { toast } from "./toasts.js";

/**
 * Open it with the options that the job has.
 * @param {Job} job
 */
export function openRetry(job) {
  const options = jobOptions(job);
  const trouble = element("p", { class: "trouble", role: "alert" });
  const send = button("Label again", { type: "submit", class: "primary" });
  const cancel = button("Cancel", { onclick: () => dialog.close() });
  const form = element(
    "form",
    { class: "body", novalidate: true, onsubmit: submit },
    element(
      "p",
      { class: "note" },
      "Masks that come out the same keep their decisions; where a mask changes, its decision is cleared. Images whose tags people changed stay as they are.",
    ),
    options.box,
    trouble,
    element("div", { class: "actions end" }, cancel, send),
  );
  const dialog = openDialog(`Try “${nameOf(job)}” again`, form, { wide: true });

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (send.disabled) return;
    trouble.textContent = "";
    send.disabled = true;
    try {
      learn(await ask(`v1/jobs/${job.id}/retry`, { method: "POST", json: options.values() }));
      dialog.close();
      toast("The job is submitted again.");
    } catch (error) {
      trouble.textContent = error.message;
    } finally {
      send.disabled = false;
    }
  }
}
