/** What was changed in this visit: to take it back, and to tell what could not be stored. */
import { tellConflict, tellFailed } from "./notices.js";
import { storedRevision } from "./saver.js";

let changes = [];
const followed = new WeakSet();

/** Begin with a job: what was changed in another one is not taken back from here. */
export function beginChanges(job) {
  changes = changes.filter((one) => one.job === job.id);
}

/** Remember what is wished for now, before it changes. */
export function rememberChange(job, saver, { item, index }) {
  changes.push({ job: job.id, saver, number: item.number, index, before: { ...saver.wanted } });
}

/** The last change, taken off the pile; undefined when there is none. */
export function lastChange() {
  return changes.pop();
}

/** Whether an image is still as this page has left it: what others did since is not taken back with it. */
export function isUntouched({ work, job, item }) {
  return Boolean(work) || item.revision === storedRevision(job, item.number);
}

/** What has to happen after a change is stored or refused, also when another image is shown by then. */
export function followSaver(job, saver, place) {
  if (followed.has(saver)) return;
  followed.add(saver);
  saver.addEventListener("saved", ({ detail }) => {
    for (const one of changes) if (one.saver === saver) one.stored = true;
    place.settle({ ...detail.item, verdict: saver.wanted.verdict });
  });
  saver.addEventListener("other", () => place.settle(saver.item));
  saver.addEventListener("conflict", ({ detail }) => {
    forgetUnstored(saver);
    tellConflict(job, saver, detail);
  });
  saver.addEventListener("failed", ({ detail }) => {
    forgetUnstored(saver);
    place.settle(saver.item);
    tellFailed(saver, detail);
  });
}

function forgetUnstored(saver) {
  changes = changes.filter((one) => one.saver !== saver || one.stored);
}
