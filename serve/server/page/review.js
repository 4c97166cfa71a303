/** The review of one image after the other. */
import { ask } from "./api.js";
import { feed, jobs, learn } from "./connection.js";
import { basename } from "./format.js";
import { unusual, USUAL } from "./item_filter.js";
import { listOf } from "./items.js";
import { followClasses, followImages } from "./job_events.js";
import { bindKeys } from "./keys.js";
import { difference } from "./notices.js";
import { reviewKeys } from "./review_keys.js";
import { busyLine, reviewBar } from "./review_bar.js";
import { beginChanges, followSaver, isUntouched, lastChange, rememberChange } from "./review_changes.js";
import { findPlace } from "./review_list.js";
import { reviewPanel } from "./review_panel.js";
import { ReviewPicture } from "./review_picture.js";
import { go, route, stay } from "./router.js";
import { saverOf, storedRevision } from "./saver.js";
import { errorState, problem, toast } from "./toasts.js";
import { viewTools } from "./view_tools.js";
/** @import { ItemList } from "./items.js" */
/** @import { Place } from "./review_list.js" */

/** @type {Record<string, string>} */
const DECIDED = { accepted: "Accepted", rejected: "Rejected", flagged: "Flagged" };

/**
 * Show it until the signal ends.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 * @param {string} id
 * @param {number} number
 */
export async function showReview(root, signal, id, number) {
  document.title = "Review – swsss";
  root.classList.add("review");
  try {
    if (!jobs.has(id)) learn(await ask(`v1/jobs/${id}`, { signal }));
    const { at = "0", ...asked } = route().query;
    const list = listOf(id, { ...USUAL, ...asked });
    const place = await findPlace(id, list, number, Number(at));
    const job = jobs.get(id);
    if (job && !signal.aborted) new Review(root, signal, job, list, place).open(place);
  } catch (error) {
    if (!signal.aborted)
      root.replaceChildren(
        errorState(error, () => {
          root.replaceChildren();
          showReview(root, signal, id, number);
        }),
      );
  }
}

class Review {
  /**
   * @param {HTMLElement} root
   * @param {AbortSignal} signal
   * @param {Job} job
   * @param {ItemList} list
   * @param {Place} place
   */
  constructor(root, signal, job, list, place) {
    this.signal = signal;
    this.job = job;
    this.list = list;
    this.place = place;
    this.saver = saverOf(job.id, place.item);
    this.opened = new AbortController();
    this.moving = 0;
    this.busy = busyLine();
    this.picture = new ReviewPicture(job, signal, this.busy);
    this.viewer = this.picture.viewer;
    this.tools = viewTools(this.viewer);
    this.panel = reviewPanel(job, {
      toggle: (tag) => this.toggle(tag),
      decide: (verdict) => this.decide(verdict),
      restore: () => this.change({ tags: this.place.item.original_tags }),
      allow: () => this.change({ tags: null }),
      hide: (hidden) => this.viewer.set({ hidden }),
      rest: () => this.viewer.element.focus({ preventScroll: true }),
    });
    this.bar = reviewBar({
      back: () => this.back(),
      move: (step) => this.move(step),
      undo: () => this.undo(),
      tools: this.tools.box,
    });
    root.replaceChildren(this.bar.box, this.picture.element, this.panel.box);
    list.on("change", () => this.tellPlace(), { signal });
    this.listen(signal);
    signal.addEventListener("abort", () => this.opened.abort());
    beginChanges(job);
    bindKeys(signal, { ...reviewKeys(this), ...this.panel.chips.keys, ...this.tools.keys }, this.tools.released);
  }

  /**
   * Follow what others do to the image that is open, and to those around it.
   * @param {AbortSignal} signal
   */
  listen(signal) {
    const { job, list } = this;
    const around = () => list.refresh(Math.max(0, this.place.index - 1), this.place.index + 1).catch(() => null);
    const hear = (/** @type {{job: string, number: number, revision: number}} */ image) => {
      if (image.job === job.id && image.number === this.place.item.number) this.saver.heard(image.revision);
    };
    feed.on("image", hear, { signal });
    feed.on("ready", () => Promise.all([this.saver.reread(), around()]), { signal });
    followImages(job.id, () => list, around, signal);
    followClasses(job, signal);
  }

  /**
   * Show an image.
   * @param {Place} place
   */
  async open(place) {
    this.opened.abort();
    this.opened = new AbortController();
    const { signal } = this.opened;
    this.place = place;
    this.saver = saverOf(this.job.id, place.item);
    followSaver(this.job, this.saver, place);
    this.saver.on("change", () => this.show(), { signal });
    this.saver.on("failed", () => this.show(), { signal });
    this.saver.on("saved", () => this.show(), { signal });
    this.saver.on("saved", ({ mask }) => mask && this.viewer.setMask(mask), { signal });
    this.saver.on("other", (before) => this.changedElsewhere(before), { signal });
    this.panel.open(place.item);
    this.show();
    stay(`jobs/${this.job.id}/images/${place.item.number}`, { ...this.query(), at: place.index });
    document.title = `${basename(place.item.image)} – swsss`;
    await this.picture.show(this.saver, signal);
    if (!signal.aborted) place.prepare(this.job.id);
  }

  /**
   * Somebody else, or the job itself, has made something else of the open image.
   * @param {Item} before
   */
  changedElsewhere(before) {
    const { item } = this.saver;
    this.show();
    // While something is sent, its refusal tells more.
    if (!this.saver.sending && item.revision !== storedRevision(this.job.id, item.number))
      toast(`“${basename(item.image)}” was changed by somebody else: ${difference(this.job, before, item)}.`);
    if (item.version !== before.version || item.state !== before.state)
      this.picture.show(this.saver, this.opened.signal);
  }

  show() {
    const { item, wanted, sending } = this.saver;
    this.panel.update(item, wanted);
    this.busy.hidden = !sending;
    this.picture.describe(item);
    this.tellPlace();
  }

  tellPlace() {
    this.place.locate();
    this.bar.tell(this.place, this.list.total);
  }

  query() {
    return unusual(this.list.filter);
  }

  /** @param {number} tag */
  toggle(tag) {
    if (this.saver.item.state === "failed") return;
    const tags = this.saver.wanted.tags ?? [];
    this.change({
      tags: tags.includes(tag) ? tags.filter((one) => one !== tag) : [...tags, tag].sort((one, other) => one - other),
    });
  }

  /**
   * Store a change, and remember what was before.
   * @param {Wishes} part
   */
  change(part) {
    rememberChange(this.job, this.saver, this.place);
    this.saver.set(part);
    if (part.verdict !== undefined) this.place.settle({ ...this.saver.item, verdict: part.verdict });
  }

  /** @param {Verdict} verdict */
  decide(verdict) {
    if (this.saver.item.state === "failed") return;
    const again = this.saver.wanted.verdict === verdict;
    this.change({ verdict: again ? "" : verdict });
    this.bar.say(again ? "Taken back." : `${DECIDED[verdict]}.`);
    if (!again && verdict !== "flagged") this.move(1);
  }

  async undo() {
    const last = lastChange();
    if (!last) {
      toast("There is nothing to undo.");
      return;
    }
    try {
      if (last.number !== this.place.item.number)
        await this.open(await findPlace(this.job.id, this.list, last.number, last.index));
      if (!isUntouched(this.saver)) {
        toast("The image has changed since then, so your change of it is not taken back.", "problem");
        return;
      }
      this.saver.set(last.before);
      this.place.settle({ ...this.saver.item, verdict: last.before.verdict });
      this.bar.say("Undone.");
    } catch (error) {
      problem(error);
    }
  }

  /** @param {number} step */
  async move(step) {
    this.moving += 1;
    const asked = this.moving;
    try {
      const place = await this.place.beside(step);
      if (this.signal.aborted || asked !== this.moving) return;
      if (place) this.open(place);
      else toast(step > 0 ? "This was the last image of this filter." : "This is the first image of this filter.");
    } catch (error) {
      problem(error);
    }
  }

  back() {
    go(`jobs/${this.job.id}`, { ...this.query(), at: this.place.index });
  }
}
