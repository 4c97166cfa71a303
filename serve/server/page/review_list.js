/** Where the review stands in the list of the filter, also after an image has left the filter by a decision. */
import { ask } from "./api.js";
import { passes } from "./item_filter.js";
import { prefetch } from "./masks.js";
/** @import { ItemList } from "./items.js" */

/** A place: `index`, `item`, and whether the item is (still) in the list at that index. */
export class Place {
  /**
   * @param {ItemList} list
   * @param {number} index
   * @param {Item} item
   */
  constructor(list, index, item) {
    this.list = list;
    this.index = index;
    this.item = item;
    this.inside = list.get(index)?.number === item.number;
  }

  /** Find the item again after others have left the list, or come back. */
  locate() {
    const at = this.list.items.findIndex((one) => one?.number === this.item.number);
    if (at >= 0) this.index = at;
    this.inside = at >= 0;
    return at;
  }

  /**
   * The place before (-1) or after (1), or null at the ends.
   * @param {number} step
   */
  async beside(step) {
    // Without the item itself, the one after it has moved up to its index.
    this.locate();
    const index = step > 0 && !this.inside ? this.index : this.index + step;
    const item = await this.list.at(index);
    return item ? new Place(this.list, index, item) : null;
  }

  /**
   * Take over a new state: the item stays in the list, leaves it, or comes back.
   * @param {Item} item
   */
  settle(item) {
    this.item = item;
    const { list } = this;
    const at = this.locate();
    const fits = passes(item, list.filter);
    if (at >= 0 && fits) list.replace(item);
    else if (at >= 0) list.remove(at);
    else if (fits && list.total !== null) list.insert(Math.min(this.index, list.total), item);
    this.inside = fits && list.total !== null;
  }

  /**
   * Load the pictures and masks of the neighbours.
   * @param {string} job
   */
  async prepare(job) {
    const after = this.inside ? this.index + 1 : this.index;
    for (const index of [after, after + 1, this.index - 1]) prefetch(job, await this.list.at(index).catch(() => null));
  }
}

/**
 * The place of an image by its number; `at` is where it was seen last.
 * @param {string} job
 * @param {ItemList} list
 * @param {number} number
 * @param {number} at
 */
export async function findPlace(job, list, number, at) {
  const item = await ask(`v1/jobs/${job}/images/${number}`);
  // Without the list there are no neighbours, but still this image.
  await list.at(at).catch(() => null);
  return new Place(list, at, item);
}
