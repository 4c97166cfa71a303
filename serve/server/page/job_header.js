/** The head of a job's results: what it is, how far, and what can be done. */
import { button, element, nameText, setText } from "./dom.js";
import { exportMenu } from "./exports.js";
import { icon } from "./icons.js";
import { actionButtons } from "./job_actions.js";
import { progressBar, stateBadge } from "./job_card.js";
import { isOver, nameOf, originWords, progressWords } from "./job_facts.js";

/**
 * The header; `review` starts at the first image of the filter, `left` is called after the job is deleted.
 * @param {Job} job
 * @param {() => void} review
 * @param {() => void} left
 */
export function jobHeader(job, review, left) {
  const state = stateBadge();
  const progress = progressBar("Progress of the job");
  const numbers = element("p", { class: "numbers" });
  const message = element("p", { class: "message" });
  const actions = actionButtons(job, { deleted: left });
  const files = exportMenu("Export", job);
  const start = button(
    "Review",
    { class: "primary", onclick: review, title: "Review the images of this filter, from the first one" },
    icon("check"),
  );
  const back = element(
    "a",
    { class: "button quiet square", href: "#/jobs", "aria-label": "Back to the jobs", title: "Back to the jobs (Esc)" },
    icon("back"),
  );
  const box = element(
    "header",
    { class: "job-head" },
    back,
    element(
      "div",
      { class: "titles" },
      element(
        "div",
        { class: "line" },
        element("h1", { tabindex: -1, title: originWords(job) }, nameText(nameOf(job))),
        state.badge,
      ),
      numbers,
    ),
    element("div", { class: "actions" }, ...actions.elements, files.box, start),
    progress.bar,
    message,
  );
  update(job);
  return { box, update };

  /** @param {Job} now */
  function update(now) {
    state.update(now);
    progress.update(now.total ? now.done / now.total : 0, now.state);
    progress.bar.hidden = isOver(now);
    setText(numbers, progressWords(now));
    setText(message, now.message ?? "");
    message.hidden = !now.message;
    actions.update(now);
    start.disabled = now.done === 0;
    files.update(now);
  }
}
