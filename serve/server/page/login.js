/** The login of a server that wants a token. */
import { call } from "./api.js";
import { button, element, field, setText } from "./dom.js";
import { duration } from "./format.js";

/** Trade a token for a cookie, which downloads and pictures need too. */
export async function openSession(token) {
  await call("v1/session", { method: "POST", json: { token } });
}

/** The form; `enter` is called after the server has taken the token. */
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
      await wait(error.status === 429 ? error.seconds : 0);
    }
    send.disabled = false;
  }

  /** After too many wrong tokens the server takes none for a while: the button tells when it does again. */
  async function wait(seconds) {
    const words = send.querySelector("span");
    for (let left = Math.ceil(seconds); left > 0 && !signal.aborted; left -= 1) {
      setText(words, `Try again in ${duration(left)}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    setText(words, "Log in");
  }
}
