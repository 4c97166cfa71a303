/** Single keys of the view that is shown. They never fire while someone types, or in an open dialog. */

const TYPED = new Set(["text", "search", "number", "password", "email", "url", "file"]);

/**
 * Whether keys belong to the control that has the focus.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("dialog, textarea, select")) return true;
  return target instanceof HTMLInputElement && TYPED.has(target.type);
}

/**
 * Whether the focused control uses that key itself: a slider its arrows, a button its space bar.
 * @param {EventTarget | null} target
 * @param {string} key
 */
function isUsed(target, key) {
  if (target instanceof HTMLInputElement && target.type === "range") return key.startsWith("Arrow");
  if (key === " " || key === "Enter")
    return target instanceof HTMLElement && Boolean(target.closest("button, a, summary, input"));
  return false;
}

/**
 * Listen for keys until the signal ends.
 * @param {AbortSignal} signal
 * @param {Keys} keys By `event.key`; letters count in either case unless both are given.
 * @param {Keys} [released] Called when a key is let go.
 */
export function bindKeys(signal, keys, released = {}) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || isUsed(event.target, event.key) || document.querySelector("dialog[open]")) return;
      const call = keys[event.key] ?? keys[event.key.toLowerCase()];
      if (!call) return;
      event.preventDefault();
      call(event);
    },
    { signal },
  );
  document.addEventListener("keyup", (event) => released[event.key]?.(event), { signal });
}
