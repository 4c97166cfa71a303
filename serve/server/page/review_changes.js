/** What was changed in this visit: to take it back, and to tell what could not be stored. */
import { tellConflict, tellFailed } from "./notices.js";
import { storedRevision } from "./saver.js";
/** @import { Place } from "./review_list.js" */
/** @import { Saver } from "./saver.js" */

/**
 * A change: what was wished for `before` it, and whether it is `stored`.
 * @typedef {{job: string, saver: Saver, number: number, index: number, before: Required<Wishes>, stored?: boolean}} Change
 */

/** @type {Change[]} */
let changes = [];
const followed = new WeakSet();

/**
 * Begin with a job: what was changed in another one is not taken back from here.
 * @param {Job} job
 */
export function beginChanges(job) {
  changes = changes.filter((one) => one.job === job.id);
}

/**
 * Remember what is wished for now, before it changes.
 * @param {Job} job
 * @param {Saver} saver
 * @param {Place} place
 */
export function rememberChange(job, saver, { item, index }) {
  changes.push({ job: job.id, saver, number: item.number, index, before: { ...saver.wanted } });
}

/** The last change, taken off the pile; undefined when there is none. */
export function lastChange() {
  return changes.pop();
}

/**
 * Whether an image is still as this page has left it: what others did since is not taken back with it.
 * @param {Saver} saver
 */
export function isUntouched({ work, job, item }) {
  return Boolean(work) || item.revision === storedRevision(job, item.number);
}

/**
 * What has to happen after a change is stored or refused, also when another image is shown by then.
 * @param {Job} job
 * @param {Saver} saver
 * @param {Place} place
 */
export function followSaver(job, saver, place) {
  if (followed.has(saver)) return;
  followed.add(saver);
  saver.on("saved", ({ item }) => {
    for (const one of changes) if (one.saver === saver) one.stored = true;
    place.settle({ ...item, verdict: saver.wanted.verdict });
  });
  saver.on("other", () => place.settle(saver.item));
  saver.on("conflict", (conflict) => {
    forgetUnstored(saver);
    tellConflict(job, saver, conflict);
  });
  saver.on("failed", (failing) => {
    forgetUnstored(saver);
    place.settle(saver.item);
    tellFailed(saver, failing);
  });
}

/** @param {Saver} saver */
function forgetUnstored(saver) {
  changes = changes.filter((one) => one.saver !== saver || one.stored);
}
