/** Pictures and masks of images, decoded and kept for the neighbours, so that the next image is there at once. */
import { address, ask, call } from "./api.js";

const KEPT = 10;
/** @type {Map<string, Promise<ImageBitmap>>} */
const pictures = new Map();
/** @type {Map<string, Promise<Mask>>} */
const masks = new Map();

/**
 * The picture of an item, upright: ImageBitmap. Do not close it: it is shared.
 * @param {string} job
 * @param {Item} item
 */
export function pictureOf(job, item) {
  return kept(pictures, `${job}/${item.number}`, async () => {
    const answer = await call(`v1/jobs/${job}/images/${item.number}/picture`);
    return createImageBitmap(await answer.blob());
  });
}

/**
 * The mask of an item on the same upright grid: {width, height, ids: Uint8Array row by row}.
 * @param {string} job
 * @param {Item} item
 */
export function maskOfItem(job, item) {
  const { number, version } = item;
  return kept(masks, `${job}/${number}/${version}`, async () =>
    decode(await ask(address(`v1/jobs/${job}/images/${number}/mask.json`, { v: version }))),
  );
}

/**
 * Keep a mask that came with another answer.
 * @param {string} job
 * @param {Item} item
 * @param {PackedMask} given
 */
export async function learnMask(job, item, given) {
  const mask = await decode(given);
  keep(masks, `${job}/${item.number}/${item.version}`, Promise.resolve(mask));
  return mask;
}

/**
 * Load what the next view will need; it tells by itself when that fails.
 * @param {string} job
 * @param {Item | null | undefined} item
 */
export function prefetch(job, item) {
  if (!item || item.state === "failed") return;
  pictureOf(job, item).catch(() => null);
  maskOfItem(job, item).catch(() => null);
}

/**
 * Base64 of zlib-deflated ids to the ids themselves.
 * @param {PackedMask} packed
 * @returns {Promise<Mask>}
 */
export async function decode({ width, height, ids }) {
  const packed = Uint8Array.from(atob(ids), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bytes.length !== width * height) throw new Error("The mask that came is not complete; open the image again.");
  return { width, height, ids: bytes };
}

/**
 * @template Value
 * @param {Map<string, Promise<Value>>} store
 * @param {string} key
 * @param {() => Promise<Value>} load
 */
function kept(store, key, load) {
  const known = store.get(key);
  if (known) return keep(store, key, known);
  const loading = load();
  // What failed is asked for again next time.
  loading.catch(() => store.get(key) === loading && store.delete(key));
  return keep(store, key, loading);
}

/**
 * @template Value
 * @param {Map<string, Promise<Value>>} store
 * @param {string} key
 * @param {Promise<Value>} value
 */
function keep(store, key, value) {
  store.delete(key);
  store.set(key, value);
  if (store.size > KEPT) store.delete([...store.keys()][0]);
  return value;
}
