/** What the stream tells of one job, for the views of its images. */
import { feed } from "./connection.js";
import { throttle } from "./dom.js";
import { renew } from "./router.js";
import { settled, storedRevision } from "./saver.js";
/** @import { ItemList } from "./items.js" */

const REFRESH = 1500;

/**
 * Build the view anew when the job got other classes, by another model.
 * @param {Job} job
 * @param {AbortSignal} signal
 */
export function followClasses(job, signal) {
  const known = JSON.stringify(job.classes);
  feed.on("job", (now) => now.id === job.id && JSON.stringify(now.classes) !== known && renew(), { signal });
}

/**
 * Follow the images of a job that somebody reviews; what this page knows already is left out.
 * @param {string} job
 * @param {() => ItemList} list The list that is shown now.
 * @param {() => void} changed Called when something in it, or missing from it, may be old; not more often than somebody can look.
 * @param {AbortSignal} signal
 */
export function followImages(job, list, changed, signal) {
  /** @type {Map<number, number>} */
  const heard = new Map();
  const tell = throttle(REFRESH, async () => {
    // What this page is just storing is not known to be its own before the answer.
    await settled();
    const old = [...heard].some(([number, revision]) => !(known(number) >= revision));
    heard.clear();
    if (old && !signal.aborted) changed();
  });
  /** @param {number} number */
  const known = (number) =>
    Math.max(storedRevision(job, number) ?? 0, list().items.find((one) => one?.number === number)?.revision ?? 0);
  feed.on(
    "image",
    (image) => {
      if (image.job !== job) return;
      heard.set(image.number, image.revision);
      tell();
    },
    { signal },
  );
}
