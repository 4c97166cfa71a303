/** What a job is, in words. */
import { count, counted, duration, speed, time } from "./format.js";

/** What a job may be doing. */
export const STATES = /** @type {Record<string, string>} */ ({
  queued: "Waiting",
  running: "Running",
  paused: "Paused",
  cancelled: "Cancelled",
  done: "Done",
  failed: "Failed",
});
/** @param {Job} job */
export const stateWords = (job) => STATES[job.state] ?? job.state;
/** @param {Job} job */
export const nameOf = (job) => job.name || job.images || `Job ${job.id}`;
/** @param {Job} job */
export const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

/**
 * "1,200 of 10,000 images · 11.4 images/s · 12 min left"
 * @param {Job} job
 */
export function progressWords(job) {
  const parts = [
    isOver(job) && job.done === job.total
      ? counted(job.total, "image")
      : `${count(job.done)} of ${counted(job.total, "image")}`,
  ];
  if (job.state === "running" && job.images_per_second > 0) parts.push(`${speed(job.images_per_second)} images/s`);
  if (job.state === "running" && job.seconds_left !== null) parts.push(`${duration(job.seconds_left)} left`);
  if (job.state === "done" && job.started && job.finished)
    parts.push(`took ${duration((Date.parse(job.finished) - Date.parse(job.started)) / 1000)}`);
  if (job.failed) parts.push(`${count(job.failed)} failed`);
  return parts.join(" · ");
}

/**
 * "12 accepted · 3 flagged", or nothing before the first review.
 * @param {Job} job
 */
export function reviewWords(job) {
  const words = Object.entries(job.review ?? {}).filter(([, number]) => number > 0);
  return words
    .map(([verdict, number]) => `${count(number)} ${verdict === "changed" ? "with changed tags" : verdict}`)
    .join(" · ");
}

/**
 * Where it comes from, by which model and when.
 * @param {Job} job
 */
export function originWords(job) {
  const from = job.source === "archive" ? "uploaded archive" : job.images;
  return [from, job.model, time(job.created)].filter(Boolean).join(" · ");
}
