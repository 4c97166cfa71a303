/** A mask painted in the colours of its classes. */
import { contextOf } from "./dom.js";

const LEFT_OUT = [128, 128, 128];
const LARGEST = 2048;
// Outlines alone would hide which side is inside, so a little of the fill stays.
const FAINT = 64;

/**
 * Paint a mask on a canvas of its own.
 * @returns {HTMLCanvasElement} At most 2048 pixels on its longer side.
 * @param {Mask} mask Class ids row by row.
 * @param {ClassInfo[]} classes Colours.
 * @param {Set<number>} hidden Ids that are not shown.
 * @param {boolean} outline Strong borders, faint areas.
 */
export function paintMask(mask, classes, hidden, outline) {
  const step = Math.max(1, Math.max(mask.width, mask.height) / LARGEST);
  const width = Math.max(1, Math.floor(mask.width / step));
  const height = Math.max(1, Math.floor(mask.height / step));
  const ids = step === 1 ? mask.ids : sampled(mask, width, height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = contextOf(canvas);
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  fill(pixels, ids, table(classes, hidden, outline ? FAINT : 255));
  if (outline) trace(pixels, ids, width, table(classes, hidden, 255));
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 */
function sampled(mask, width, height) {
  const ids = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const from = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x += 1)
      ids[y * width + x] = mask.ids[from + Math.floor(((x + 0.5) * mask.width) / width)];
  }
  return ids;
}

/**
 * One 32-bit pixel for every id, as canvases store them; background and hidden classes are clear.
 * @param {ClassInfo[]} classes
 * @param {Set<number>} hidden
 * @param {number} alpha
 */
function table(classes, hidden, alpha) {
  const bytes = new Uint8ClampedArray(4 * 256);
  /** @type {(id: number, colour: number[], opaque: number) => void} */
  const put = (id, colour, opaque) => bytes.set([...colour, opaque], 4 * id);
  for (const { id, colour } of classes) if (id !== 0 && !hidden.has(id)) put(id, rgb(colour), alpha);
  if (!hidden.has(255)) put(255, LEFT_OUT, Math.round(alpha * 0.7));
  return new Uint32Array(bytes.buffer);
}

/** @param {string} colour */
function rgb(colour) {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

/**
 * @param {Uint32Array} pixels
 * @param {Uint8Array} ids
 * @param {Uint32Array} colours
 */
function fill(pixels, ids, colours) {
  for (let at = 0; at < ids.length; at += 1) pixels[at] = colours[ids[at]];
}

/**
 * @param {Uint32Array} pixels
 * @param {Uint8Array} ids
 * @param {number} width
 * @param {Uint32Array} colours
 */
function trace(pixels, ids, width, colours) {
  for (let at = 0; at < ids.length; at += 1) {
    const id = ids[at];
    const column = at % width;
    const edge =
      (column > 0 && ids[at - 1] !== id) ||
      (column < width - 1 && ids[at + 1] !== id) ||
      (at >= width && ids[at - width] !== id) ||
      (at + width < ids.length && ids[at + width] !== id);
    if (edge && id !== 0) pixels[at] = colours[id];
  }
}
