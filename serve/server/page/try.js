/** Try the model on an image of one's own. */
import { address, ask } from "./api.js";
import { Viewer } from "./canvas.js";
import { tagChips } from "./chips.js";
import { element, field, nameText, setText } from "./dom.js";
import { imagePicker } from "./image_picker.js";
import { listed, percent } from "./format.js";
import { bindKeys } from "./keys.js";
import { maskLegend } from "./legend.js";
import { busyLine } from "./review_bar.js";
import { maskOf } from "./rle.js";
import { modelNamed, server, usualModel } from "./server.js";
import { emptyState } from "./toasts.js";
import { viewTools } from "./view_tools.js";

/** Show it until the signal ends. */
export function showTry(root, signal) {
  document.title = "Try an image – swsss";
  if (!usualModel())
    return root.append(emptyState("warn", "No model is ready", "Come back when the server has loaded one."));
  root.classList.add("review", "try");
  return new Trial(root, signal);
}

class Trial {
  constructor(root, signal) {
    Object.assign(this, { signal, image: null, tags: [], every: true, asking: new AbortController() });
    this.picker = imagePicker(server.info.limits.image_bytes, (file) => this.take(file), signal);
    this.body = element("div", { class: "stage-frame" });
    this.facts = element("dl", { class: "image-facts" });
    this.trouble = element("p", { class: "message", role: "alert", hidden: true });
    this.hint = element("p", { class: "note" });
    this.busy = busyLine("Labelling");
    this.title = element("h1", { tabindex: -1 }, "Try an image");
    this.side = element("div", { class: "scroll" });
    root.append(this.body, element("aside", { class: "panel", "aria-label": "Image" }, this.side));
    root.addEventListener("drop", (event) => this.picker.take(event.dataTransfer.files[0]), { signal });
    this.keys = new AbortController();
    signal.addEventListener("abort", () => {
      this.keys.abort();
      this.asking.abort();
    });
    this.use(usualModel());
  }

  /** Build what depends on the model's classes. */
  use(model) {
    this.keys.abort();
    this.keys = new AbortController();
    Object.assign(this, { model, tags: [], every: true });
    this.viewer = new Viewer(model.classes, this.keys.signal);
    this.tools = viewTools(this.viewer);
    const rest = () => this.viewer.element.focus({ preventScroll: true });
    this.chips = tagChips(model.classes, (id) => this.toggle(id), rest);
    this.legend = maskLegend(model.classes, (hidden) => this.viewer.set({ hidden }), rest);
    bindKeys(this.keys.signal, { ...this.chips.keys, ...this.tools.keys }, this.tools.released);
    this.body.replaceChildren(this.viewer.element, this.tools.box, this.busy, this.picker.box);
    this.side.replaceChildren(
      element("section", {}, this.title, this.facts, this.trouble, this.picker.again),
      element("section", { "aria-label": "Tags" }, element("h2", {}, "Tags"), this.hint, this.chips.box),
      element(
        "section",
        { class: "answer", "aria-label": "Mask", hidden: true },
        element("h2", {}, "In the mask"),
        this.legend.box,
      ),
      this.models(),
    );
    this.viewer.show(this.image?.picture ?? null, null);
    this.ask();
  }

  models() {
    const { models } = server.info;
    if (models.length < 2) return "";
    const options = models.map((one) => element("option", { value: one.name, selected: one === this.model }, one.name));
    return element(
      "section",
      {},
      field("Model", element("select", { onchange: (event) => this.use(modelNamed(event.target.value)) }, options)),
    );
  }

  async take(file) {
    // A browser does not show every format the model takes, such as TIFF: then the mask is shown alone.
    const picture = await createImageBitmap(file).catch(() => null);
    this.image = { file, picture };
    this.title.replaceChildren(nameText(file.name || "Pasted image"));
    this.viewer.show(picture, null);
    this.picker.box.hidden = true;
    this.picker.again.hidden = false;
    this.ask();
  }

  toggle(id) {
    this.every = false;
    this.tags = this.tags.includes(id) ? this.tags.filter((one) => one !== id) : [...this.tags, id];
    this.ask();
  }

  /** Ask the server with the tags as they are now; an answer to earlier tags is not waited for. */
  async ask() {
    const plain = this.model.task === "plain";
    this.chips.update(this.tags);
    this.chips.disable(plain);
    setText(
      this.hint,
      plain
        ? "This model takes no tags: it finds every class by itself."
        : this.every
          ? "No tags: every class is allowed. Choose what is in the image, and the mask keeps to it."
          : this.model.tag_penalty
            ? "The chosen classes are preferred; another one appears only where the model is very sure of it."
            : "Only the chosen classes are allowed.",
    );
    if (!this.image) return;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.busy.hidden = false;
    try {
      this.show(
        await ask(this.address(), {
          method: "POST",
          body: this.image.file,
          headers: { Accept: "application/json", "Content-Type": this.image.file.type || "application/octet-stream" },
          signal,
        }),
      );
    } catch (error) {
      if (signal.aborted) return;
      this.viewer.setMask(null);
      this.tell(error.message);
    }
    if (!signal.aborted) this.busy.hidden = true;
  }

  address() {
    const named = this.tags.map((id) => this.model.classes.find((one) => one.id === id).name);
    const query = { grid: "upright", model: this.model.name, untagged: this.every ? "all" : null, tags: named };
    // No tag at all is a wish too: background only.
    return address("v1/label", query) + (!this.every && !named.length ? "&tags=" : "");
  }

  show(answer) {
    this.viewer.show(this.image.picture, maskOf(answer));
    const named = (ids) => listed(ids.map((id) => this.model.classes.find((one) => one.id === id)?.name ?? String(id)));
    this.tell(answer.not_found.length && !this.every ? `No pixels were found of ${named(answer.not_found)}.` : "");
    this.chips.update(this.tags, answer.not_found);
    const pixels = Object.fromEntries(answer.classes.map((one) => [one.id, one.pixels]));
    this.legend.update(pixels, Object.fromEntries(answer.classes.map((one) => [one.id, one.confidence])));
    this.side.querySelector(".answer").hidden = false;
    this.facts.replaceChildren(
      element("dt", {}, "Size"),
      element("dd", {}, `${answer.width} × ${answer.height}`),
      element("dt", {}, "Confidence"),
      element("dd", {}, percent(answer.mean_confidence)),
    );
    this.viewer.canvas.setAttribute(
      "aria-label",
      `${this.image.file.name}, mask of ${named(answer.found) || "background only"}`,
    );
    this.viewer.canvas.dataset.answer = named(answer.found);
  }

  tell(text) {
    setText(this.trouble, text);
    this.trouble.hidden = !text;
  }
}
