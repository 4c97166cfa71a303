/** Event targets that know their events. */

/**
 * Tells events; each carries a detail.
 * @template {Record<string, any>} Events The detail of every event, by its name.
 */
export class Emitter extends EventTarget {
  /**
   * Call on every such event.
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => unknown} call
   * @param {AddEventListenerOptions} [options]
   */
  on(name, call, options) {
    this.addEventListener(name, (event) => call(/** @type {CustomEvent} */ (event).detail), options);
  }

  /**
   * Tell an event.
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {Events[Name] extends undefined ? [] : [detail: Events[Name]]} detail
   */
  emit(name, ...detail) {
    this.dispatchEvent(new CustomEvent(name, { detail: detail[0] }));
  }
}
