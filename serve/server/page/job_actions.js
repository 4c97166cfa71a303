/** What can be done with a job. */
import { ask, call } from "./api.js";
import { forget, learn } from "./connection.js";
import { confirmed } from "./dialogs.js";
import { button } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf } from "./job_facts.js";
import { openRetry } from "./retry.js";
import { problem, toast } from "./toasts.js";

/** @type {Record<string, {words: string, drawing: string, states: JobState[]}>} */
const ACTIONS = {
  pause: { words: "Pause", drawing: "pause", states: ["queued", "running"] },
  resume: { words: "Resume", drawing: "play", states: ["paused", "cancelled", "failed"] },
  retry: { words: "Try again…", drawing: "again", states: ["paused", "cancelled", "done", "failed"] },
  cancel: { words: "Cancel", drawing: "stop", states: ["queued", "running", "paused"] },
  delete: { words: "Delete", drawing: "trash", states: ["paused", "cancelled", "done", "failed"] },
};

/**
 * Buttons for what the job's state allows; `update` shows and hides them in place, so that the focus stays.
 * @param {Job} job
 * @param {{deleted?: () => void}} [options]
 */
export function actionButtons(job, options = {}) {
  const buttons = Object.entries(ACTIONS).map(([action, { words, drawing, states }]) => ({
    states,
    shown: button(
      words,
      {
        class: "quiet",
        "aria-label": `${words} ${nameOf(job)}`,
        "data-action": action,
        onclick: () => act(action, current, options),
      },
      icon(drawing),
    ),
  }));
  let current = job;
  /** @param {Job} now */
  const update = (now) => {
    current = now;
    for (const { states, shown } of buttons) shown.hidden = !states.includes(now.state);
  };
  update(job);
  return { elements: buttons.map((one) => one.shown), update };
}

/**
 * @param {string} action
 * @param {Job} job
 * @param {{deleted?: () => void}} options
 */
async function act(action, job, { deleted }) {
  if (action === "retry") return openRetry(job);
  if (action === "delete") return remove(job, deleted);
  try {
    learn(await ask(`v1/jobs/${job.id}/${action}`, { method: "POST" }));
  } catch (error) {
    // A job goes on only with the model it began with; with another one it can be tried again.
    if (action === "resume" && error.status === 409) toast(error.message, "problem", retryButton(job));
    else problem(error);
  }
  return null;
}

/** @param {Job} job */
function retryButton(job) {
  return button("Try again…", { class: "primary", onclick: () => openRetry(job) }, icon("again"));
}

/**
 * @param {Job} job
 * @param {() => void} [deleted]
 */
async function remove(job, deleted) {
  const text = `Its masks, reviews and changed tags are deleted from the server. The images stay${job.source === "archive" ? " only on your side." : "."}`;
  if (!(await confirmed(`Delete “${nameOf(job)}”?`, text, "Delete the job"))) return;
  try {
    await call(`v1/jobs/${job.id}`, { method: "DELETE" });
    forget(job.id);
    toast("The job is deleted.");
    deleted?.();
  } catch (error) {
    problem(error);
  }
}
