/** Sends the changes of one image: the last wish wins, one request at a time, and nothing that others did is overwritten unseen. */
import { ask } from "./api.js";
import { Emitter } from "./emitter.js";
import { learnMask } from "./masks.js";

/** @type {Map<string, Saver>} */
const busy = new Map();
/** @type {Map<string, number>} */
const stored = new Map();

/**
 * Tells "change" (busy or not, or other wishes), "saved" (detail: item and mask or null), "other" (the image was changed
 * elsewhere; detail: the item before), "conflict" (so it was, and a wish was refused for it; detail: mine, before) and
 * "failed" (detail: mine, error). `item` is the image as last known from the server, `wanted` what is wished for.
 * @typedef {{mine: Wishes, before: Item}} Conflict
 * @typedef {{mine: Wishes, error: Failure}} Failing
 * @extends {Emitter<{change: undefined, saved: {item: Item, mask: Mask | null}, other: Item, conflict: Conflict, failed: Failing}>}
 */
export class Saver extends Emitter {
  /**
   * @param {string} job
   * @param {Item} item
   */
  constructor(job, item) {
    super();
    this.job = job;
    this.item = item;
    this.sending = false;
    this.newest = item.revision;
    /** @type {Promise<void> | undefined} */
    this.work = undefined;
    this.wanted = wishesOf(item);
  }

  /**
   * Wish for other tags or another verdict; resolves once all that was wished for is stored or refused.
   * @param {Wishes} part
   */
  set(part) {
    // A verdict is about a mask, and other tags make another mask.
    if (part.tags !== undefined && !sameTags(part.tags, this.wanted.tags)) this.wanted.verdict = "";
    Object.assign(this.wanted, part);
    this.emit("change");
    this.work ??= this.send();
    return this.work;
  }

  /**
   * The server told of a revision: it is read unless it is known, once nothing of ours is under way.
   * @param {number} revision
   */
  heard(revision) {
    if (revision > this.newest) this.newest = revision;
    return this.newest > this.item.revision ? this.reread() : null;
  }

  /** Read what the image is now. */
  async reread() {
    // Without an answer nothing is lost: the next change of ours tells that there is something newer.
    const item = this.work ? null : await ask(this.path).catch(() => null);
    // While a change of ours is under way its answer tells more.
    if (!item || this.work || !(item.revision > this.item.revision)) return;
    this.take(item);
  }

  async send() {
    this.sending = true;
    busy.set(this.path, this);
    this.emit("change");
    try {
      // Wishes of the same moment travel together; and `work` is set before this can end.
      await null;
      for (let part = this.missing(); part; part = this.missing()) await this.sendOne(part);
    } catch (error) {
      this.refused(error);
    } finally {
      this.sending = false;
      this.work = undefined;
      busy.delete(this.path);
      this.emit("change");
      this.heard(0);
    }
  }

  /** @param {Wishes} part */
  async sendOne(part) {
    const asked = { ...this.wanted };
    // Kept alive: a change also arrives when the page is closed right after the click.
    const answer = await ask(this.path, {
      method: "PATCH",
      json: part,
      headers: { "If-Match": `"${this.item.revision}"` },
      keepalive: true,
    });
    /** @type {{item: Item}} */
    const { item } = answer;
    this.item = item;
    stored.set(this.path, item.revision);
    // Whatever the server made of a wish, it is answered: only what was wished for since is left.
    if (sameTags(asked.tags, this.wanted.tags)) this.wanted.tags = item.tags;
    if (asked.verdict === this.wanted.verdict) this.wanted.verdict = item.verdict;
    const mask = answer.mask ? await learnMask(this.job, item, answer.mask) : null;
    this.emit("saved", { item, mask });
  }

  /** @param {Failure} error */
  refused(error) {
    // Nothing is left to wish for when it was taken back meanwhile.
    const mine = this.missing() ?? {};
    const before = this.item;
    const newer = error.body?.item;
    if (!newer) {
      this.wanted = wishesOf(before);
      this.emit("failed", { mine, error });
      return;
    }
    this.take(newer);
    // Two people who decided the same about the same mask agree.
    const agreed = !this.missing(mine) && (!mine.verdict || "tags" in mine || newer.version === before.version);
    if (!agreed) this.emit("conflict", { mine, before });
  }

  /** @param {Item} item */
  take(item) {
    const before = this.item;
    this.item = item;
    this.wanted = wishesOf(item);
    this.emit("other", before);
  }

  /**
   * What of the wishes is not stored yet, or null.
   * @param {Wishes} [wanted]
   */
  missing(wanted = this.wanted) {
    /** @type {Wishes} */
    const part = {};
    if (wanted.tags !== undefined && !sameTags(wanted.tags, this.item.tags)) part.tags = wanted.tags;
    if (wanted.verdict !== undefined && wanted.verdict !== this.item.verdict) part.verdict = wanted.verdict;
    return Object.keys(part).length ? part : null;
  }

  get path() {
    return `v1/jobs/${this.job}/images/${this.item.number}`;
  }
}

/**
 * The saver of an image: the one that is still at work, or a new one.
 * @param {string} job
 * @param {Item} item
 */
export function saverOf(job, item) {
  const saver = new Saver(job, item);
  return busy.get(saver.path) ?? saver;
}

/** Wait until every change that is under way is stored or refused: only then the server's lists tell of it. */
export async function settled() {
  await Promise.all([...busy.values()].map((one) => one.work));
}

/**
 * The revision of an image that this page stored last, or undefined.
 * @param {string} job
 * @param {number} number
 */
export function storedRevision(job, number) {
  return stored.get(`v1/jobs/${job}/images/${number}`);
}

/**
 * Whether two lists hold the same tags; null is every class.
 * @param {number[] | null} one
 * @param {number[] | null} other
 */
export function sameTags(one, other) {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((id) => other.includes(id));
}

/**
 * @param {Item} item
 * @returns {Required<Wishes>}
 */
function wishesOf({ tags, verdict }) {
  return { tags, verdict };
}

addEventListener("beforeunload", (event) => busy.size && event.preventDefault());
