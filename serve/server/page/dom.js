/** Elements made from data. Text only ever becomes a text node: names of files and classes may hold anything. */

/**
 * Make an element.
 * @param {string} name Tag name.
 * @param {object} attributes `on…` are listeners, `style` an object of CSS properties, true and false set and leave out.
 * @param {...(Node|string|null|false)} children Strings become text.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") setStyle(made, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}

/** Set CSS properties from script, which the page's content security policy allows. */
export function setStyle(target, properties) {
  for (const [key, value] of Object.entries(properties)) target.style.setProperty(key, value);
}

/** Change text only when it differs, so that screen readers are not told again. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A labelled control: the label's text stands above it. */
export function field(label, control, hint = "") {
  return element(
    "label",
    { class: "field" },
    element("span", { class: "label" }, label),
    control,
    hint && element("small", {}, hint),
  );
}

/** A name from outside: isolated, so that right-to-left text in it does not turn its surroundings. */
export function nameText(text, attributes = {}) {
  return element("bdi", { class: "name", title: text, ...attributes }, text);
}

/** A button with an icon and words. */
export function button(words, attributes = {}, ...before) {
  return element("button", { type: "button", ...attributes }, ...before, element("span", {}, words));
}

/** At most one call in that many milliseconds, the last one never lost. */
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

/** One call once nothing has asked for it for that many milliseconds. */
export function settle(milliseconds, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}
