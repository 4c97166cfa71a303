/** The jobs of a filter, the newest first, page by page: read from the server, and kept true by its stream. */
import { address, ask } from "./api.js";
import { feed, jobs } from "./connection.js";
import { throttle } from "./dom.js";
import { Emitter } from "./emitter.js";

/** How many jobs are shown at first, and how many more at a click. */
export const STEP = 50;
const MOST = 500;
const REFRESH = 1000;

/**
 * Tells "change" after other jobs are in it, "update" (detail: a job) after one is different, and "problem" (detail: the error).
 * @extends {Emitter<{change: undefined, update: Job, problem: Failure}>}
 */
export class JobList extends Emitter {
  /**
   * @param {JobFilter} filter
   * @param {number} wanted How many are to be shown.
   * @param {AbortSignal} signal
   */
  constructor(filter, wanted, signal) {
    super();
    this.filter = filter;
    this.wanted = wanted;
    this.signal = signal;
    /** @type {string[]} */
    this.ids = [];
    /** @type {number | null} */
    this.total = null;
    this.age = 0;
    const refresh = throttle(REFRESH, () => signal.aborted || this.read());
    feed.on("ready", refresh, { signal });
    feed.on("removed", refresh, { signal });
    feed.on("job", (job) => this.follow(job, refresh), { signal });
  }

  /** Read all that is to be shown. */
  async read() {
    this.age += 1;
    const { age } = this;
    try {
      /** @type {Set<string>} */
      const found = new Set();
      let answer;
      do {
        const limit = Math.min(MOST, this.wanted - found.size);
        answer = await this.ask(found.size, limit);
        for (const job of answer.jobs) found.add(job.id);
      } while (answer.jobs.length && found.size < Math.min(this.wanted, answer.total));
      if (age === this.age) this.show([...found], answer.total);
    } catch (error) {
      if (age === this.age && !this.signal.aborted) this.emit("problem", error);
    }
  }

  /** Show more of them. */
  more() {
    this.wanted = this.ids.length + STEP;
    return this.read();
  }

  /**
   * @param {number} offset
   * @param {number} limit
   * @returns {Promise<JobListing>}
   */
  async ask(offset, limit) {
    const before = new Map(jobs);
    const answer = await ask(address("v1/jobs", { offset, limit, ...this.filter }), { signal: this.signal });
    // What the stream told meanwhile is newer than this answer.
    for (const job of answer.jobs) if (jobs.get(job.id) === before.get(job.id)) jobs.set(job.id, job);
    return answer;
  }

  /**
   * @param {string[]} ids
   * @param {number} total
   */
  show(ids, total) {
    // One that was deleted meanwhile is known no more.
    this.ids = ids.filter((id) => jobs.has(id));
    this.total = total;
    this.emit("change");
  }

  /**
   * A job is different: it changes where it is shown; only where it comes or goes the list is read again.
   * @param {Job} job
   * @param {() => void} refresh
   */
  follow(job, refresh) {
    const shown = this.ids.includes(job.id);
    if (shown) this.emit("update", job);
    if (shown !== (this.passes(job) && this.reaches(job))) refresh();
  }

  /** @param {Job} job */
  passes({ id, name, state }) {
    const search = this.filter.search.toLowerCase();
    const named = [id, name].some((text) => text.toLowerCase().includes(search));
    return named && (this.filter.state === "" || this.filter.state === state);
  }

  /**
   * Whether it belongs among those that are shown, and not to those that come with "Show more".
   * @param {Job} job
   */
  reaches(job) {
    const last = jobs.get(this.ids.at(-1) ?? "");
    return this.ids.length >= (this.total ?? 0) || !last || job.created >= last.created;
  }
}
