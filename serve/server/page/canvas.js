/** A picture with its mask over it, to zoom and to move. */
import { contextOf, element } from "./dom.js";
import { paintMask } from "./overlay.js";

const MARGIN = 18;
const CLOSEST = 40;

/** What is shown: `picture`, `mask`, `opacity` 0 to 1, `hidden` ids, `outline`, `peek` (no mask while held). */
export class Viewer {
  /**
   * @param {ClassInfo[]} classes
   * @param {AbortSignal} signal
   */
  constructor(classes, signal) {
    this.classes = classes;
    /** @type {ImageBitmap | null} */
    this.picture = null;
    /** @type {Mask | null} */
    this.mask = null;
    this.opacity = 0.55;
    /** @type {Set<number>} */
    this.hidden = new Set();
    this.outline = false;
    this.peek = false;
    /** @type {HTMLCanvasElement | null} */
    this.overlay = null;
    /** @type {{scale: number, x: number, y: number, fitted: boolean} | null} */
    this.view = null;
    this.frame = 0;
    this.canvas = element("canvas", { role: "img", "aria-label": "Picture with its mask" });
    this.element = element("div", { class: "stage", tabindex: -1 }, this.canvas);
    const watch = new ResizeObserver(() => this.resize());
    watch.observe(this.element);
    signal.addEventListener("abort", () => {
      watch.disconnect();
      cancelAnimationFrame(this.frame);
    });
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.element.addEventListener("pointerdown", (event) => this.drag(event));
    this.element.addEventListener("dblclick", () => this.fit());
  }

  /**
   * Show another picture, fitted unless it has the size of the one before.
   * @param {ImageBitmap | null} picture
   * @param {Mask | null} mask
   */
  show(picture, mask) {
    const before = this.size();
    this.picture = picture;
    this.mask = mask;
    this.repaint();
    const after = this.size();
    if (!this.view || before?.width !== after?.width || before?.height !== after?.height) this.fit();
  }

  /**
   * Show another mask on the same picture.
   * @param {Mask | null} mask
   */
  setMask(mask) {
    this.mask = mask;
    this.repaint();
  }

  /** @param {Partial<Pick<Viewer, "opacity" | "hidden" | "outline" | "peek">>} part */
  set(part) {
    Object.assign(this, part);
    if ("hidden" in part || "outline" in part) this.repaint();
    else this.draw();
  }

  repaint() {
    this.overlay = this.mask && paintMask(this.mask, this.classes, this.hidden, this.outline);
    this.draw();
  }

  /** @returns {{width: number, height: number} | null} */
  size() {
    return this.mask ?? this.picture;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    if (!this.view || this.view.fitted) this.fit();
    // At once: a canvas that was resized is empty, and would flicker until the next frame.
    this.paint();
  }

  /** The whole picture in the middle. */
  fit() {
    const size = this.size();
    if (!size) return;
    const { width, height } = this.canvas;
    const margin = MARGIN * (devicePixelRatio || 1);
    const scale = Math.max(0.01, Math.min((width - 2 * margin) / size.width, (height - 2 * margin) / size.height));
    this.view = { scale, x: (width - scale * size.width) / 2, y: (height - scale * size.height) / 2, fitted: true };
    this.draw();
  }

  /**
   * Zoom about a point of the canvas, its middle if none is given.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.view) return;
    const scale = Math.min(CLOSEST, Math.max(0.02, this.view.scale * factor));
    const real = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * real, y: y - (y - this.view.y) * real, fitted: false };
    this.draw();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    this.zoom(
      Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)),
      (event.clientX - box.left) * ratio,
      (event.clientY - box.top) * ratio,
    );
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0 || !this.view) return;
    const ratio = devicePixelRatio || 1;
    const from = { ...this.view, left: event.clientX, top: event.clientY };
    const ended = new AbortController();
    this.element.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} now */
    const move = (now) => {
      const [x, y] = [now.clientX - from.left, now.clientY - from.top];
      if (!this.view || (!this.element.classList.contains("held") && Math.hypot(x, y) < 3)) return;
      this.element.classList.add("held");
      this.view = { ...this.view, x: from.x + x * ratio, y: from.y + y * ratio, fitted: false };
      this.draw();
    };
    const end = () => {
      this.element.classList.remove("held");
      ended.abort();
    };
    this.element.addEventListener("pointermove", move, ended);
    for (const name of ["pointerup", "pointercancel"]) this.element.addEventListener(name, end, ended);
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const context = contextOf(this.canvas);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const size = this.size();
    if (!size || !this.view) return;
    const { scale, x, y } = this.view;
    const [width, height] = [size.width * scale, size.height * scale];
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = "high";
    if (this.picture) context.drawImage(this.picture, x, y, width, height);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = this.opacity;
    if (this.overlay && !this.peek) context.drawImage(this.overlay, x, y, width, height);
    // Where the picture lies on the canvas, for whoever measures it from outside.
    Object.assign(this.canvas.dataset, { scale, x, y });
  }
}
