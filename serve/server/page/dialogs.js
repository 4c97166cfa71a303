/** Dialogs: the browser's own, which keep the focus inside and give it back. */
import { button, element } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Open a dialog; Escape, the cross or a click beside it close it.
 * @param {string} title
 * @param {HTMLElement} content
 * @param {{wide?: boolean}} [options]
 * @returns {HTMLDialogElement} Removed from the page once it is closed.
 */
export function openDialog(title, content, { wide = false } = {}) {
  const heading = element("h2", { id: "dialog-title" }, title);
  const close = element("button", { type: "button", class: "quiet square", "aria-label": "Close" }, icon("cross"));
  const dialog = element(
    "dialog",
    { class: wide ? "wide" : "", "aria-labelledby": "dialog-title" },
    element("header", {}, heading, close),
    content,
  );
  const before = document.activeElement;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("mousedown", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask before something that cannot be taken back; resolves to whether it was confirmed.
 * @param {string} title
 * @param {string} text
 * @param {string} words
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text, words) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = button(words, {
      class: "danger",
      onclick: () => {
        answer = true;
        dialog.close();
      },
    });
    const no = button("Keep it", { onclick: () => dialog.close(), autofocus: true });
    const dialog = openDialog(
      title,
      element("div", { class: "body" }, element("p", {}, text), element("div", { class: "actions end" }, no, yes)),
    );
    dialog.addEventListener("close", () => resolve(answer));
  });
}
