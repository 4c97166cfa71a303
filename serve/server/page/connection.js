/** What the server tells by itself: jobs and reviewed images, live. One stream for all views, because browsers limit connections. */
import { line } from "./api.js";
import { Emitter } from "./emitter.js";
import { meet } from "./server.js";

/**
 * Jobs as last told, by id: those that were listed, opened, or have changed since. Not all there are.
 * @type {Map<string, Job>}
 */
export const jobs = new Map();

/**
 * "job" and "removed" (detail: the job or its id), "image" (detail: job, number and revision of an image that somebody
 * reviewed), "ready" when the stream opens (what was read before may be old), "lost" and "found" for the banner.
 * @typedef {{job: Job, removed: string, image: {job: string, number: number, revision: number}, ready: undefined,
 *   lost: undefined, found: undefined}} FeedEvents
 * @type {Emitter<FeedEvents>}
 */
export const feed = new Emitter();

const RETRY = 2000;
const PATIENCE = 1000;
/** @type {EventSource | null} */
let source = null;
let lost = false;
let timer = 0;

/** Begin to listen, or begin anew after a login; what is read after this is kept true by the stream. */
export async function connect() {
  disconnect();
  await meet();
  jobs.clear();
  const opened = listen();
  // A proxy may hold the stream back: the views work without it.
  await Promise.race([opened, pause(PATIENCE)]);
}

/**
 * Take a job from an answer before the stream tells of it.
 * @param {Job} job
 */
export function learn(job) {
  jobs.set(job.id, job);
  feed.emit("job", job);
}

/**
 * Forget a job that was deleted.
 * @param {string} id
 */
export function forget(id) {
  jobs.delete(id);
  feed.emit("removed", id);
}

/** Stop listening, for example until someone has logged in. */
export function disconnect() {
  source?.close();
  clearTimeout(timer);
  timer = 0;
}

line.on("lost", markLost);

function listen() {
  const opening = new EventSource("v1/jobs/events");
  source = opening;
  opening.addEventListener("error", markLost);
  opening.addEventListener("job", (event) => learn(JSON.parse(event.data)));
  opening.addEventListener("removed", (event) => forget(JSON.parse(event.data).id));
  opening.addEventListener("image", (event) => feed.emit("image", JSON.parse(event.data)));
  return new Promise((resolve) => {
    opening.addEventListener("open", () => {
      markFound();
      feed.emit("ready");
      resolve(null);
    });
  });
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

function markLost() {
  // A page that is being left closes its stream too; that is no loss to tell of.
  if (document.visibilityState !== "hidden" && !lost) {
    lost = true;
    feed.emit("lost");
  }
  retry();
}

function markFound() {
  clearTimeout(timer);
  timer = 0;
  if (!lost) return;
  lost = false;
  feed.emit("found");
}

function retry() {
  if (timer) return;
  // The browser's own reconnection gives up after an answer that is no stream, so ours does not rely on it.
  timer = setTimeout(async () => {
    timer = 0;
    try {
      await connect();
    } catch (error) {
      // Another status than 0 is an answer: the login form or the view tells what it says.
      if (error.status) markFound();
      if (error.status !== 401) retry();
    }
  }, RETRY);
}
