/** The images of a job under one filter and order: a list with holes that are filled when someone looks at them. */
import { address, ask } from "./api.js";
import { Emitter } from "./emitter.js";
import { USUAL } from "./item_filter.js";
import { settled } from "./saver.js";

const PAGE = 200;
const KEPT_PAGES = 60;

/**
 * Tells "change" after anything in it is different, and "problem" with the error as its detail.
 * @extends {Emitter<{change: undefined, problem: Failure}>}
 */
export class ItemList extends Emitter {
  /**
   * @param {string} job
   * @param {Partial<Filter>} filter
   */
  constructor(job, filter) {
    super();
    this.job = job;
    this.filter = { ...USUAL, ...filter };
    this.key = keyOf(job, this.filter);
    /** @type {number | null} */
    this.total = null;
    /** @type {(Item | undefined)[]} */
    this.items = [];
    /** @type {Map<number, Promise<void>>} */
    this.pages = new Map();
    /** @type {number[]} */
    this.recent = [];
    this.age = 0;
    this.scroll = 0;
  }

  /**
   * The item at a place, or undefined while it is not known.
   * @param {number} index
   */
  get(index) {
    return this.items[index];
  }

  /**
   * Ask for what is missing between two places, both included.
   * @param {number} first
   * @param {number} last
   */
  need(first, last) {
    const end = this.total === null ? last : Math.min(last, this.total - 1);
    for (let page = Math.floor(first / PAGE); page * PAGE <= end; page += 1) {
      const from = Math.max(first, page * PAGE);
      const to = Math.min(end, page * PAGE + PAGE - 1);
      if (this.total === null || this.lacks(from, to)) this.load(page).catch((error) => this.emit("problem", error));
    }
  }

  /**
   * The item at a place, waited for; undefined outside the list.
   * @param {number} index
   */
  async at(index) {
    const missing = () => index >= 0 && !this.items[index] && (this.total === null || index < this.total);
    while (missing()) {
      const { age } = this;
      await this.load(Math.floor(index / PAGE));
      // An answer from before a change was thrown away: then once more.
      if (age === this.age) break;
    }
    return this.items[index];
  }

  /**
   * Read anew what is seen; everything else is forgotten and read when it is seen.
   * @param {number} first
   * @param {number} last
   */
  async refresh(first, last) {
    this.age += 1;
    this.pages.clear();
    const kept = this.items.slice(first, last + 1);
    const pages = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) pages.push(page);
    this.items = [];
    // What is on the screen stays there until its successor has come.
    kept.forEach((item, at) => {
      this.items[first + at] = item;
    });
    await Promise.all(pages.map((page) => this.load(page)));
  }

  /**
   * Put the new state of an item in its place.
   * @param {Item} item
   */
  replace(item) {
    const index = this.items.findIndex((one) => one?.number === item.number);
    if (index >= 0) this.items[index] = item;
    this.emit("change");
  }

  /**
   * Take an item out, as the server does when it no longer passes the filter.
   * @param {number} index
   */
  remove(index) {
    this.shift(() => this.items.splice(index, 1), -1);
  }

  /**
   * Put an item back where it was.
   * @param {number} index
   * @param {Item} item
   */
  insert(index, item) {
    this.shift(() => {
      // Splice ignores places behind the end of what is known.
      if (this.items.length < index) this.items.length = index;
      this.items.splice(index, 0, item);
    }, 1);
  }

  /**
   * @param {() => void} change
   * @param {number} difference
   */
  shift(change, difference) {
    // Answers that are under way count places as they were.
    this.age += 1;
    this.pages.clear();
    change();
    this.total = Math.max(0, (this.total ?? 0) + difference);
    this.emit("change");
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  lacks(from, to) {
    for (let index = from; index <= to; index += 1) if (!this.items[index]) return true;
    return false;
  }

  /** @param {number} page */
  load(page) {
    const underWay = this.pages.get(page);
    if (underWay) return underWay;
    const { age } = this;
    const loading = this.fetchPage(page, age);
    this.pages.set(page, loading);
    const done = () => this.age === age && this.pages.get(page) === loading && this.pages.delete(page);
    loading.then(done, done);
    return loading;
  }

  /**
   * @param {number} page
   * @param {number} age
   */
  async fetchPage(page, age) {
    // An answer that does not know of a decision yet would bring its image back.
    await settled();
    if (age !== this.age) return;
    const query = { offset: page * PAGE, limit: PAGE, ...this.filter };
    /** @type {ItemListing} */
    const answer = await ask(address(`v1/jobs/${this.job}/images`, query));
    if (age !== this.age) return;
    this.total = answer.total;
    this.items.length = Math.min(this.items.length, answer.total);
    answer.items.forEach((item, at) => {
      this.items[answer.offset + at] = item;
    });
    this.forget(page);
    this.emit("change");
  }

  /**
   * Of a hundred thousand items only the surroundings are kept.
   * @param {number} page
   */
  forget(page) {
    this.recent = [page, ...this.recent.filter((one) => one !== page)];
    if (this.recent.length <= KEPT_PAGES) return;
    const gone = (this.recent.pop() ?? 0) * PAGE;
    for (let index = gone; index < gone + PAGE; index += 1) delete this.items[index];
  }
}

/** @type {ItemList | null} */
let current = null;

/**
 * The list of a job and filter; the one shown last is kept, with what is known and how far it is scrolled.
 * @param {string} job
 * @param {Partial<Filter>} filter
 */
export function listOf(job, filter) {
  if (current?.key !== keyOf(job, { ...USUAL, ...filter })) current = new ItemList(job, filter);
  return current;
}

/**
 * @param {string} job
 * @param {Filter} filter
 */
function keyOf(job, filter) {
  return JSON.stringify([job, filter]);
}
