/** Images that somebody reviewed, as the stream tells of them; those that this page knows already are left out. */
import { feed } from "./connection.js";
import { throttle } from "./dom.js";
import { storedRevision } from "./saver.js";

const REFRESH = 1500;

/**
 * Follow the images of a job.
 * @param {() => object} list The list that is shown now.
 * @param {() => void} changed Called when something in it, or missing from it, may be old; not more often than somebody can look.
 */
export function followImages(job, list, changed, signal) {
  const heard = new Map();
  const tell = throttle(REFRESH, () => {
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
