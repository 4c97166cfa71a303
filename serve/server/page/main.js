/** The start of the page: header, banner, login, and one view at a time. */
import { line } from "./api.js";
import { connect, disconnect, feed } from "./connection.js";
import { byId, element, setText } from "./dom.js";
import { showHelp } from "./help.js";
import { icon } from "./icons.js";
import { showJobs } from "./jobs.js";
import { bindKeys } from "./keys.js";
import { openSession, showLogin } from "./login.js";
import { showResults } from "./results.js";
import { showReview } from "./review.js";
import { hrefOf, route, takeToken } from "./router.js";
import { server, usualModel } from "./server.js";
import { themeSwitch } from "./theme.js";
import { errorState } from "./toasts.js";
import { showTry } from "./try.js";

const main = byId("main");
const banner = byId("banner");
let ending = new AbortController();
let shown = "";

start();

function start() {
  buildTop();
  byId("skip").addEventListener("click", () => main.focus());
  feed.on("lost", () => showBanner(true));
  feed.on("found", () => showBanner(false));
  line.on("locked", askLogin);
  addEventListener("hashchange", render);
  // A file that misses its drop area must not replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
  bindKeys(new AbortController().signal, { "?": () => showHelp() });
  enter(takeToken());
}

/**
 * Log in with a token if there is one, connect, and show the view of the address.
 * @param {string | null} token
 */
async function enter(token) {
  try {
    if (token) await openSession(token).catch(() => null);
    await connect();
    setText(byId("model"), usualModel()?.name ?? "No model is ready");
    render();
  } catch (error) {
    if (error.status !== 401) fill((root) => root.append(errorState(error, () => enter(null))));
  }
}

function render() {
  if (!server.info) return;
  const { path } = route();
  const [first, id, second, number] = path;
  markNavigation(first);
  if (first === "try") fill(showTry);
  else if (first === "jobs" && id && second === "images") fill(showReview, id, Number(number));
  else if (first === "jobs" && id) fill(showResults, id);
  else fill(showJobs);
}

/**
 * End the view that was there, and build one in its place.
 * @template {unknown[]} Values
 * @param {View<Values>} view
 * @param {Values} values
 */
function fill(view, ...values) {
  ending.abort();
  ending = new AbortController();
  main.className = "";
  main.replaceChildren();
  view(main, ending.signal, ...values);
  // Not at the first view: a fresh page begins at its top.
  if (shown && !main.contains(document.activeElement)) (main.querySelector("h1") ?? main).focus();
  shown = location.hash || "#/";
}

function askLogin() {
  if (main.querySelector("form.login")) return;
  disconnect();
  fill(showLogin, () => enter(null));
}

function buildTop() {
  const help = element(
    "button",
    {
      type: "button",
      class: "quiet square",
      "aria-label": "Keyboard help",
      title: "Keyboard help (?)",
      onclick: showHelp,
    },
    icon("keyboard"),
  );
  byId("top").append(
    element(
      "a",
      { class: "brand", href: "#/jobs", "aria-label": "swsss, start" },
      element("img", { src: "page/icon.svg", alt: "", width: 26, height: 26 }),
      element("span", {}, "swsss"),
    ),
    element(
      "nav",
      { "aria-label": "Views" },
      element("a", { href: hrefOf("jobs"), "data-view": "jobs" }, "Jobs"),
      element("a", { href: hrefOf("try"), "data-view": "try" }, "Try an image"),
    ),
    element("span", { class: "model", id: "model", title: "The model that is used when a job names none" }),
    element("a", { class: "button quiet", href: "docs", title: "Every address of this server, to try out" }, "API"),
    help,
    themeSwitch(),
  );
}

/** @param {string | undefined} first */
function markNavigation(first) {
  for (const link of document.querySelectorAll("nav [data-view]")) {
    const here = link.getAttribute("data-view") === (first === "try" ? "try" : "jobs");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** @param {boolean} lost */
function showBanner(lost) {
  banner.hidden = !lost;
  banner.replaceChildren(
    icon("warn"),
    lost ? "The connection to the server is lost. Trying again by itself; nothing you saved is lost." : "",
  );
  // A view that could not load while the server was away tries again now.
  if (lost || !main.querySelector(".empty.error")) return;
  if (server.info) render();
  else enter(null);
}
