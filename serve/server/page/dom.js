/** Elements made from data. Text only ever becomes a text node: names of files and classes may hold anything. */

/**
 * Make an element.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name Tag name.
 * @param {Attributes} [attributes] `on…` are listeners, `style` an object of CSS properties, true and false set and leave out.
 * @param {...Child | Child[]} children Strings become text.
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (key === "style") setStyle(made, /** @type {Record<string, string>} */ (value));
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== false && child !== undefined) made.append(child);
  return made;
}

/**
 * The element with that id, which the page always has.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * What a canvas is painted with.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot paint on a canvas.");
  return context;
}

/**
 * Set CSS properties from script, which the page's content security policy allows.
 * @param {HTMLElement} target
 * @param {Record<string, string>} properties
 */
export function setStyle(target, properties) {
  for (const [key, value] of Object.entries(properties)) target.style.setProperty(key, value);
}

/**
 * Change text only when it differs, so that screen readers are not told again.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * A labelled control: the label's text stands above it.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string | false | null} [hint]
 */
export function field(label, control, hint = "") {
  return element(
    "label",
    { class: "field" },
    element("span", { class: "label" }, label),
    control,
    hint && element("small", {}, hint),
  );
}

/**
 * A name from outside: isolated, so that right-to-left text in it does not turn its surroundings.
 * @param {string} text
 * @param {Attributes} [attributes]
 */
export function nameText(text, attributes = {}) {
  return element("bdi", { class: "name", title: text, ...attributes }, text);
}

/**
 * A button with an icon and words.
 * @param {string} words
 * @param {Attributes} [attributes]
 * @param {...Child} before
 */
export function button(words, attributes = {}, ...before) {
  return element("button", { type: "button", ...attributes }, ...before, element("span", {}, words));
}

/**
 * At most one call in that many milliseconds, the last one never lost.
 * @param {number} milliseconds
 * @param {() => unknown} call
 */
export function throttle(milliseconds, call) {
  let timer = 0;
  let last = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(
      () => {
        timer = 0;
        last = performance.now();
        call();
      },
      Math.max(0, last + milliseconds - performance.now()),
    );
  };
}

/**
 * One call once nothing has asked for it for that many milliseconds.
 * @template {unknown[]} Values
 * @param {number} milliseconds
 * @param {(...values: Values) => unknown} call
 * @returns {(...values: Values) => void}
 */
export function settle(milliseconds, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}
