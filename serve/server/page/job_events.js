/** What the stream tells of one job, for the views of its images. */
import { feed } from "./connection.js";
import { throttle } from "./dom.js";
import { renew } from "./router.js";
import { settled, storedRevision } from "./saver.js";

const REFRESH = 1500;

/** Build the view anew when the job got other classes, by another model. */
export function followClasses(job, signal) {
  const known = JSON.stringify(job.classes);
  const check = ({ detail }) => detail.id === job.id && JSON.stringify(detail.classes) !== known && renew();
  feed.addEventListener("job", check, { signal });
}

/**
 * Follow the images of a job that somebody reviews; what this page knows already is left out.
 * @param {() => object} list The list that is shown now.
 * @param {() => void} changed Called when something in it, or missing from it, may be old; not more often than somebody can look.
 */
export function followImages(job, list, changed, signal) {
  const heard = new Map();
  const tell = throttle(REFRESH, async () => {
    // What this page is just storing is not known to be its own before the answer.
    await settled();
    const old = [...heard].some(([number, revision]) => !(known(number) >= revision));
    heard.clear();
    if (old && !signal.aborted) changed();
  });
  const known = (number) =>
    Math.max(storedRevision(job, number) ?? 0, list().items.find((one) => one?.number === number)?.revision ?? 0);
  feed.addEventListener(
    "image",
    ({ detail }) => {
      if (detail.job !== job) return;
      heard.set(detail.number, detail.revision);
      tell();
    },
    { signal },
  );
}
