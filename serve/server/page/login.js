/** The login of a server that wants a token. */
import { call } from "./api.js";
import { button, element, field } from "./dom.js";

/**
 * Trade a token for a cookie, which downloads and pictures need too.
 * @param {string} token
 */
export async function openSession(token) {
  await call("v1/session", { method: "POST", json: { token } });
}

/**
 * The form; `enter` is called after the server has taken the token.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 * @param {() => void} enter
 */
export function showLogin(root, signal, enter) {
  document.title = "Log in – swsss";
  const input = element("input", { type: "password", name: "token", autocomplete: "current-password", required: true });
  const trouble = element("p", { class: "trouble", role: "alert" });
  const send = button("Log in", { type: "submit", class: "primary" });
  const form = element(
    "form",
    { class: "login card", onsubmit: submit },
    element("h1", {}, "Log in"),
    element("p", {}, "Use the token this server was started with (SWSSS_TOKEN or --token-file)."),
    field("Token", input),
    trouble,
    send,
  );
  root.append(form);
  input.focus();

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    trouble.textContent = "";
    send.disabled = true;
    try {
      await openSession(input.value.trim());
      form.remove();
      enter();
    } catch (error) {
      trouble.textContent =
        error.status === 401 ? "This is not the server's token. Check it and try again." : error.message;
      input.select();
    } finally {
      send.disabled = false;
    }
  }
}
