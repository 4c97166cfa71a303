/** What a job is, in words, and what can be done with it. */
import { ask, call } from "./api.js";
import { forget, learn } from "./connection.js";
import { confirmed } from "./dialogs.js";
import { button } from "./dom.js";
import { count, counted, duration, speed, time } from "./format.js";
import { icon } from "./icons.js";
import { fileLink } from "./menu.js";
import { problem, toast } from "./toasts.js";

const STATES = {
  queued: "Waiting",
  running: "Running",
  paused: "Paused",
  cancelled: "Cancelled",
  done: "Done",
  failed: "Failed",
};
const ACTIONS = {
  pause: { words: "Pause", drawing: "pause", states: ["queued", "running"] },
  resume: { words: "Resume", drawing: "play", states: ["paused"] },
  cancel: { words: "Cancel", drawing: "stop", states: ["queued", "running", "paused"] },
  delete: { words: "Delete", drawing: "trash", states: ["paused", "cancelled", "done", "failed"] },
};

export const stateWords = (job) => STATES[job.state] ?? job.state;
export const nameOf = (job) => job.name || job.images || `Job ${job.id}`;
export const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

/** "1,200 of 10,000 images · 11.4 images/s · 12 min left" */
export function progressWords(job) {
  const parts = [
    isOver(job) && job.done === job.total
      ? counted(job.total, "image")
      : `${count(job.done)} of ${counted(job.total, "image")}`,
  ];
  if (job.state === "running" && job.images_per_second > 0) parts.push(`${speed(job.images_per_second)} images/s`);
  if (job.state === "running" && job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
  if (job.state === "done" && job.started && job.finished)
    parts.push(`took ${duration((new Date(job.finished) - new Date(job.started)) / 1000)}`);
  if (job.failed) parts.push(`${count(job.failed)} failed`);
  return parts.join(" · ");
}

/** "12 accepted · 3 flagged", or nothing before the first review. */
export function reviewWords(job) {
  const words = Object.entries(job.review ?? {}).filter(([, number]) => number > 0);
  return words
    .map(([verdict, number]) => `${count(number)} ${verdict === "changed" ? "with changed tags" : verdict}`)
    .join(" · ");
}

/** Where it comes from, by which model and when. */
export function originWords(job) {
  const from = job.source === "archive" ? "uploaded archive" : job.images;
  return [from, job.model, time(job.created)].filter(Boolean).join(" · ");
}

/** Buttons for what the job's state allows; `update` shows and hides them in place, so that the focus stays. */
export function actionButtons(job, options = {}) {
  const buttons = Object.entries(ACTIONS).map(([action, { words, drawing }]) => [
    action,
    button(
      words,
      { class: "quiet", "aria-label": `${words} ${nameOf(job)}`, onclick: () => act(action, current, options) },
      icon(drawing),
    ),
  ]);
  let current = job;
  const update = (now) => {
    current = now;
    for (const [action, shown] of buttons) shown.hidden = !ACTIONS[action].states.includes(now.state);
  };
  update(job);
  return { elements: buttons.map(([, shown]) => shown), update };
}

async function act(action, job, { deleted }) {
  const path = `v1/jobs/${job.id}`;
  try {
    if (action !== "delete") return learn(await ask(`${path}/${action}`, { method: "POST" }));
    const text = `Its masks, reviews and changed tags are deleted from the server. The images stay${job.source === "archive" ? " only on your side." : "."}`;
    if (!(await confirmed(`Delete “${nameOf(job)}”?`, text, "Delete the job"))) return null;
    await call(path, { method: "DELETE" });
    forget(job.id);
    toast("The job is deleted.");
    deleted?.();
  } catch (error) {
    problem(error);
  }
  return null;
}

function failuresNote(job) {
  if (!job.failed) return "none";
  return job.state === "done" ? counted(job.failed, "image") : "when the job is done";
}

/** Everything that can be saved of a job. */
export function fileLinks(job) {
  const path = `v1/jobs/${job.id}`;
  const { accepted = 0, changed = 0 } = job.review ?? {};
  return [
    {
      words: "All labels (zip)",
      href: `${path}/result.zip`,
      note: isOver(job) ? "masks, manifest, formats" : "as far as they are made",
      ready: job.done > 0,
    },
    {
      words: "Corrected tags (csv)",
      href: `${path}/tags.csv`,
      note: changed ? `${counted(changed, "image")} changed` : "none changed yet",
    },
    {
      words: "Accepted masks (zip)",
      href: `${path}/accepted.zip`,
      note: accepted ? `${counted(accepted, "image")}, for the next training` : "none accepted yet",
      ready: accepted > 0,
    },
    {
      words: "Failures (csv)",
      href: `${path}/failures.csv`,
      note: failuresNote(job),
      ready: job.failed > 0 && job.state === "done",
    },
    {
      words: "Report",
      href: `${path}/report.html`,
      note: job.state === "done" ? "opens in a new tab" : "when the job is done",
      open: true,
      ready: job.state === "done",
    },
  ].map(fileLink);
}
