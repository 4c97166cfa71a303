/** The picture of the review with its mask, and what stands there when there is none. */
import { Viewer } from "./canvas.js";
import { element } from "./dom.js";
import { maskOfItem, pictureOf } from "./masks.js";
/** @import { Saver } from "./saver.js" */

// Until then the picture before stays: a flash of nothing would disturb more.
const PATIENCE = 150;

/** `element` is the stage, `viewer` what it shows. */
export class ReviewPicture {
  /**
   * @param {Job} job
   * @param {AbortSignal} signal
   * @param {HTMLElement} busy
   */
  constructor(job, signal, busy) {
    this.job = job;
    this.viewer = new Viewer(job.classes, signal);
    this.failure = element("p", { class: "no-picture", hidden: true });
    this.element = element("div", { class: "stage-frame" }, this.viewer.element, busy, this.failure);
  }

  /**
   * Load and show the image of a saver, unless the signal ends before.
   * @param {Saver} saver
   * @param {AbortSignal} signal
   */
  async show(saver, signal) {
    const { item } = saver;
    const failed = item.state === "failed";
    this.tell(failed ? "This image could not be labelled." : "");
    if (failed) {
      this.viewer.show(null, null);
      return;
    }
    const timer = setTimeout(() => signal.aborted || this.viewer.show(null, null), PATIENCE);
    try {
      const [picture, mask] = await Promise.all([pictureOf(this.job.id, item), maskOfItem(this.job.id, item)]);
      // A change that was stored meanwhile has brought a newer mask.
      const newer = saver.item.version !== item.version;
      if (!signal.aborted) this.viewer.show(picture, newer ? this.viewer.mask : mask);
    } catch (error) {
      if (!signal.aborted) this.tell(`The picture could not be loaded: ${error.message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * What the picture shows, in words.
   * @param {Item} item
   */
  describe(item) {
    const found = this.job.classes.filter((one) => item.found.includes(one.id)).map((one) => one.name);
    this.viewer.canvas.setAttribute("aria-label", `${item.image}, mask of ${found.join(", ") || "background only"}`);
    this.viewer.canvas.dataset.version = String(item.version);
  }

  /** @param {string} text */
  tell(text) {
    this.failure.textContent = text;
    this.failure.hidden = !text;
  }
}
