/** Numbers, times and words as the page writes them. */
const whole = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/**
 * 12,345
 * @param {number} value
 */
export const count = (value) => whole.format(value);

/**
 * "1 image", "12,345 images"
 * @param {number} value
 * @param {string} word
 */
export const counted = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/**
 * 0.9312 is 93.1 %
 * @param {number | null | undefined} share
 * @param {number} [digits]
 */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`;
}

/**
 * Share of a picture: tiny areas are told apart from none.
 * @param {number} pixels
 * @param {number} all
 */
export function area(pixels, all) {
  const share = pixels / all;
  return share > 0 && share < 0.001 ? "< 0.1 %" : percent(share);
}

/**
 * 4.2, 38, 1,204: three digits are enough for a speed.
 * @param {number} value
 */
export function speed(value) {
  return value >= 100 ? count(Math.round(value)) : value.toFixed(1);
}

/**
 * "12 s", "4 min", "3 h 20 min"
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/**
 * 24 Nov 2026, 10:12
 * @param {string} iso
 */
export const time = (iso) => moment.format(new Date(iso));

/**
 * 12 MiB, the unit of the server's options
 * @param {number} value
 */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const scaled = value / 1024 ** power;
  return `${scaled >= 10 || Number.isInteger(scaled) ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`;
}

/**
 * The last part of a path.
 * @param {string} path
 */
export const basename = (path) => path.slice(path.lastIndexOf("/") + 1);

/**
 * "cat, dog and person"
 * @param {string[]} names
 */
export function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
