/** One job of the list; updated in place while it runs, so that nothing loses the focus. */
import { element, nameText, setStyle, setText } from "./dom.js";
import { exportMenu } from "./exports.js";
import { actionButtons } from "./job_actions.js";
import { nameOf, originWords, progressWords, reviewWords, stateWords } from "./job_facts.js";
import { hrefOf } from "./router.js";

/**
 * A progress bar with its share said in words.
 * @param {string} label
 */
export function progressBar(label) {
  const fill = element("span", {});
  const bar = element(
    "div",
    { class: "progress", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 },
    fill,
  );
  /**
   * @param {number} share
   * @param {string} [state]
   */
  const update = (share, state = "running") => {
    const hundredths = Math.floor(100 * share);
    bar.setAttribute("aria-valuenow", String(hundredths));
    bar.dataset.state = state;
    setStyle(fill, { width: `${100 * share}%` });
  };
  return { bar, update };
}

/** The badge with the state of a job. */
export function stateBadge() {
  const badge = element("span", { class: "badge" });
  return {
    badge,
    /** @param {Job} job */
    update: (job) => {
      badge.dataset.state = job.state;
      setText(badge, stateWords(job));
    },
  };
}

/**
 * A card.
 * @param {Job} job
 */
export function jobCard(job) {
  const state = stateBadge();
  const progress = progressBar(`Progress of ${nameOf(job)}`);
  const [origin, numbers, reviews, message] = ["origin", "numbers", "reviews", "message"].map((name) =>
    element("p", { class: name }),
  );
  const actions = actionButtons(job);
  const files = exportMenu("Export", job, { "aria-label": `Export ${nameOf(job)}` });
  const card = element(
    "li",
    { class: "card job", "data-job": job.id },
    element(
      "header",
      {},
      element("h2", {}, element("a", { href: hrefOf(`jobs/${job.id}`) }, nameText(nameOf(job)))),
      state.badge,
    ),
    origin,
    progress.bar,
    element("div", { class: "facts" }, numbers, reviews),
    message,
    element(
      "div",
      { class: "actions" },
      element(
        "a",
        { class: "button", href: hrefOf(`jobs/${job.id}`), "aria-label": `Results of ${nameOf(job)}` },
        "Results",
      ),
      files.box,
      ...actions.elements,
    ),
  );

  /** @param {Job} now */
  const update = (now) => {
    state.update(now);
    progress.update(now.total ? now.done / now.total : 0, now.state);
    setText(origin, originWords(now));
    setText(numbers, progressWords(now));
    setText(reviews, reviewWords(now));
    setText(message, now.message ?? "");
    message.hidden = !now.message;
    actions.update(now);
    files.update(now);
  };
  update(job);
  return { card, update };
}
