/** The jobs of a filter, the newest first, page by page: read from the server, and kept true by its stream. */
import { address, ask } from "./api.js";
import { feed, jobs } from "./connection.js";
import { throttle } from "./dom.js";

/** How many jobs are shown at first, and how many more at a click. */
export const STEP = 50;
const MOST = 500;
const REFRESH = 1000;

/** Tells "change" after other jobs are in it, "update" (detail: a job) after one is different, and "problem" (detail: the error). */
export class JobList extends EventTarget {
  /**
   * @param {{search: string, state: string}} filter
   * @param {number} wanted How many are to be shown.
   */
  constructor(filter, wanted, signal) {
    super();
    Object.assign(this, { filter, wanted, signal, ids: [], total: null, age: 0 });
    const refresh = throttle(REFRESH, () => signal.aborted || this.read());
    feed.addEventListener("ready", refresh, { signal });
    feed.addEventListener("removed", refresh, { signal });
    feed.addEventListener("job", ({ detail }) => this.follow(detail, refresh), { signal });
  }

  /** Read all that is to be shown. */
  async read() {
    this.age += 1;
    const { age } = this;
    try {
      const found = new Set();
      let answer;
      do {
        const limit = Math.min(MOST, this.wanted - found.size);
        answer = await this.ask(found.size, limit);
        for (const job of answer.jobs) found.add(job.id);
      } while (answer.jobs.length && found.size < Math.min(this.wanted, answer.total));
      if (age === this.age) this.show([...found], answer.total);
    } catch (error) {
      if (age === this.age && !this.signal.aborted) this.tell("problem", error);
    }
  }

  /** Show more of them. */
  more() {
    this.wanted = this.ids.length + STEP;
    return this.read();
  }

  async ask(offset, limit) {
    const before = new Map(jobs);
    const answer = await ask(address("v1/jobs", { offset, limit, ...this.filter }), { signal: this.signal });
    // What the stream told meanwhile is newer than this answer.
    for (const job of answer.jobs) if (jobs.get(job.id) === before.get(job.id)) jobs.set(job.id, job);
    return answer;
  }

  show(ids, total) {
    // One that was deleted meanwhile is known no more.
    this.ids = ids.filter((id) => jobs.has(id));
    this.total = total;
    this.tell("change");
  }

  /** A job is different: it changes where it is shown; only where it comes or goes the list is read again. */
  follow(job, refresh) {
    const shown = this.ids.includes(job.id);
    if (shown) this.tell("update", job);
    if (shown !== (this.passes(job) && this.reaches(job))) refresh();
  }

  passes({ id, name, state }) {
    const search = this.filter.search.toLowerCase();
    const named = [id, name].some((text) => text.toLowerCase().includes(search));
    return named && ["", state].includes(this.filter.state);
  }

  /** Whether it belongs among those that are shown, and not to those that come with "Show more". */
  reaches(job) {
    const last = jobs.get(this.ids.at(-1));
    return this.ids.length >= (this.total ?? 0) || !last || job.created >= last.created;
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
