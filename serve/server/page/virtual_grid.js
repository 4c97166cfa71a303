/** A grid of tiles of which only the visible rows exist: as quick with a hundred thousand as with ten. */
import { element, setStyle } from "./dom.js";
/** @import { ItemList } from "./items.js" */

const OVERSCAN = 2;
const GAP = 14;
// Browsers lose precision, or stop, at some ten million pixels: beyond this the scroll bar is scaled.
const TALLEST = 8_000_000;

/**
 * A cell's link, which can show one image after the other.
 * @typedef {{link: HTMLAnchorElement, update: (item: Item | undefined, index: number, quick: boolean) => void}} Tile
 */

/**
 * The grid.
 * @param {object} options `list` (ItemList), `width` (least of a tile), `height` (of the part below its picture), `tile` (makes a
 *   cell's link: `{link, update(item, index, quick)}`), `label`.
 */
export class VirtualGrid {
  /** @param {{list: ItemList, width: number, height: number, tile: () => Tile, label: string, signal: AbortSignal}} options */
  constructor({ list, width, height, tile, label, signal }) {
    this.list = list;
    this.least = width;
    this.below = height;
    this.tile = tile;
    /** @type {Map<number, {element: HTMLElement, tiles: (Tile & {cell: HTMLElement})[]}>} */
    this.rows = new Map();
    this.focused = 0;
    this.stop = 0;
    // Sizes, known after the first layout: of the room in pixels, in columns, of a row, of all rows.
    this.room = 0;
    this.columns = 0;
    this.rowHeight = 0;
    this.full = 0;
    this.scale = 1;
    /** @type {number | null} */
    this.known = null;
    /** @type {number | null} */
    this.before = null;
    this.frame = 0;
    this.rest = 0;
    this.canvas = element("div", { class: "rows", role: "presentation" });
    this.element = element("div", { class: "grid", role: "grid", "aria-label": label, tabindex: -1 }, this.canvas);
    this.element.addEventListener("scroll", () => this.schedule(), { signal, passive: true });
    this.element.addEventListener("keydown", (event) => this.move(event), { signal });
    this.element.addEventListener("focusin", (event) => this.remember(event.target), { signal });
    const watch = new ResizeObserver(() => this.layout());
    watch.observe(this.element);
    signal.addEventListener("abort", () => watch.disconnect());
  }

  /** Sizes from the width there is; the image in the first visible row stays there. */
  layout() {
    const room = this.element.clientWidth - 2 * GAP;
    if (room <= 0) return;
    if (room === this.room) {
      this.schedule();
      return;
    }
    this.room = room;
    const first = this.columns ? Math.round(this.top() / this.rowHeight) * this.columns : null;
    this.columns = Math.max(1, Math.floor((room + GAP) / (this.least + GAP)));
    const width = (room + GAP) / this.columns - GAP;
    this.rowHeight = Math.round(width * 0.75) + this.below + GAP;
    setStyle(this.canvas, { "--columns": String(this.columns), "--row": `${this.rowHeight - GAP}px` });
    for (const row of this.rows.values()) row.element.remove();
    this.rows.clear();
    this.resize();
    if (first) this.scrollTo(Math.floor(first / this.columns) * this.rowHeight);
    this.render();
  }

  resize() {
    const rows = Math.ceil((this.list.total ?? 0) / this.columns);
    this.full = rows * this.rowHeight + GAP;
    const height = Math.min(this.full, TALLEST);
    this.element.setAttribute("aria-rowcount", String(rows));
    this.element.setAttribute("aria-colcount", String(this.columns));
    setStyle(this.canvas, { height: `${height}px` });
    const view = this.element.clientHeight;
    this.scale = this.full > TALLEST ? (this.full - view) / (TALLEST - view) : 1;
  }

  /** How far the whole list is scrolled, in pixels of the list. */
  top() {
    return this.element.scrollTop * this.scale;
  }

  /** @param {number} pixels */
  scrollTo(pixels) {
    this.element.scrollTop = pixels / this.scale;
    // A jump is no flight: what is there now is wanted.
    this.before = null;
  }

  /**
   * First and last place that is shown, or about to be.
   * @returns {[number, number]}
   */
  range() {
    const first = Math.max(0, Math.floor(this.top() / this.rowHeight) - OVERSCAN);
    const last = Math.ceil((this.top() + this.element.clientHeight) / this.rowHeight) + OVERSCAN;
    return [
      first * this.columns,
      Math.max(first * this.columns, Math.min((this.list.total ?? 1) - 1, last * this.columns - 1)),
    ];
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  /** Draw the rows that are seen. While someone flies through the list nothing is asked for that is gone a moment later. */
  render() {
    const { total } = this.list;
    if (!this.columns || total === null) return;
    if (total !== this.known) this.resize();
    this.known = total;
    const quick = Math.abs(this.top() - (this.before ?? this.top())) > this.element.clientHeight;
    this.before = this.top();
    clearTimeout(this.rest);
    if (quick) this.rest = setTimeout(() => this.render(), 90);
    const [first, last] = this.range();
    for (const [number, row] of this.rows)
      if (number * this.columns < first || number * this.columns > last) this.drop(number, row.element);
    // There is always a tile that the tab key reaches, also when the focused one has scrolled away.
    this.stop =
      this.focused >= first && this.focused <= last ? this.focused : Math.min(first + OVERSCAN * this.columns, last);
    for (let at = first; at <= last && at < total; at += this.columns)
      this.drawRow(at / this.columns, Math.min(this.columns, total - at), quick);
    if (!quick) this.list.need(first, last);
    this.list.scroll = this.top();
  }

  /**
   * @param {number} number
   * @param {HTMLElement} row
   */
  drop(number, row) {
    // The focus must not fall to the top of the page because its tile scrolled away.
    if (row.contains(document.activeElement)) this.element.focus({ preventScroll: true });
    row.remove();
    this.rows.delete(number);
  }

  /**
   * @param {number} number
   * @param {number} size
   * @param {boolean} quick
   */
  drawRow(number, size, quick) {
    let row = this.rows.get(number);
    if (!row) {
      row = { element: element("div", { class: "row", role: "row", "aria-rowindex": number + 1 }), tiles: [] };
      this.rows.set(number, row);
      this.canvas.append(row.element);
    }
    setStyle(row.element, {
      transform: `translateY(${number * this.rowHeight + GAP - this.top() + this.element.scrollTop}px)`,
    });
    while (row.tiles.length > size) row.tiles.pop()?.cell.remove();
    while (row.tiles.length < size) {
      const tile = this.tile();
      const cell = element("div", { role: "gridcell", "aria-colindex": row.tiles.length + 1 }, tile.link);
      row.tiles.push({ ...tile, cell });
      row.element.append(cell);
    }
    row.tiles.forEach((tile, column) => {
      const index = number * this.columns + column;
      tile.link.dataset.index = String(index);
      tile.link.tabIndex = index === this.stop ? 0 : -1;
      tile.update(this.list.get(index), index, quick);
    });
  }

  /**
   * Bring a place into view and give its tile the focus.
   * @param {number} index
   */
  focus(index) {
    this.focused = Math.max(0, Math.min(index, (this.list.total ?? 1) - 1));
    const from = Math.floor(this.focused / this.columns) * this.rowHeight;
    const to = from + this.rowHeight + GAP - this.element.clientHeight;
    if (this.top() > from) this.scrollTo(from);
    else if (this.top() < to) this.scrollTo(to);
    this.render();
    /** @type {HTMLElement | null} */
    const link = this.canvas.querySelector(`[data-index="${this.focused}"]`);
    link?.focus({ preventScroll: true });
  }

  /** @param {EventTarget | null} target */
  remember(target) {
    const index = target instanceof HTMLElement ? target.dataset.index : undefined;
    if (!(target instanceof HTMLElement) || index === undefined || Number(index) === this.focused) return;
    this.canvas.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    this.focused = Number(index);
    this.stop = this.focused;
    target.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight)) * this.columns;
    /** @type {Record<string, number>} */
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.columns,
      ArrowUp: -this.columns,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.focus(this.focused + steps[event.key]);
  }
}
