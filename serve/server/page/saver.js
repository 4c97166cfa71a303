/** Sends the changes of one image: the last wish wins, one request at a time, nothing is lost. */
import { ask } from "./api.js";
import { learnMask } from "./masks.js";

const busy = new Map();

/** Tells "change" (busy or not, or other wishes), "saved" (detail: item and mask or null) and "failed" (detail: the error). */
export class Saver extends EventTarget {
  constructor(job, item) {
    super();
    Object.assign(this, { job, item, sending: false });
    this.wanted = { tags: item.tags, verdict: item.verdict };
  }

  /** Wish for other tags or another verdict; resolves to whether all that was wished for is stored. */
  set(part) {
    Object.assign(this.wanted, part);
    this.dispatchEvent(new Event("change"));
    this.work ??= this.send();
    return this.work;
  }

  async send() {
    this.sending = true;
    busy.set(this.key, this);
    this.dispatchEvent(new Event("change"));
    try {
      // Wishes of the same moment travel together; and `work` is set before this can end.
      await null;
      for (let part = this.missing(); part; part = this.missing()) await this.sendOne(part);
      return true;
    } catch (error) {
      this.wanted = { tags: this.item.tags, verdict: this.item.verdict };
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
      return false;
    } finally {
      this.sending = false;
      this.work = undefined;
      busy.delete(this.key);
      this.dispatchEvent(new Event("change"));
    }
  }

  async sendOne(part) {
    // Kept alive: a change also arrives when the page is closed right after the click.
    const answer = await ask(`v1/jobs/${this.job}/images/${this.item.number}`, {
      method: "PATCH",
      json: part,
      keepalive: true,
    });
    this.item = answer.item;
    // Whatever the server made of a wish, it is answered: only what was wished for since is left.
    if ("tags" in part && sameTags(part.tags, this.wanted.tags)) this.wanted.tags = answer.item.tags;
    if (part.verdict === this.wanted.verdict) this.wanted.verdict = answer.item.verdict;
    const mask = answer.mask ? await learnMask(this.job, answer.item, answer.mask) : null;
    this.dispatchEvent(new CustomEvent("saved", { detail: { item: answer.item, mask } }));
  }

  missing() {
    const part = {};
    if (!sameTags(this.wanted.tags, this.item.tags)) part.tags = this.wanted.tags;
    if (this.wanted.verdict !== this.item.verdict) part.verdict = this.wanted.verdict;
    return Object.keys(part).length ? part : null;
  }

  get key() {
    return `${this.job}/${this.item.number}`;
  }
}

/** The saver of an image: the one that is still at work, or a new one. */
export function saverOf(job, item) {
  return busy.get(`${job}/${item.number}`) ?? new Saver(job, item);
}

/** Whether two lists hold the same tags; null is every class. */
export function sameTags(one, other) {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((id) => other.includes(id));
}

addEventListener("beforeunload", (event) => busy.size && event.preventDefault());
