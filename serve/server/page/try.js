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
import { modelNamed, serverInfo, usualModel } from "./server.js";
import { emptyState } from "./toasts.js";
import { viewTools } from "./view_tools.js";

/**
 * Show it until the signal ends.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
export function showTry(root, signal) {
  document.title = "Try an image – swsss";
  const model = usualModel();
  if (!model) {
    root.append(emptyState("warn", "No model is ready", "Come back when the server has loaded one."));
    return;
  }
  root.classList.add("review", "try");
  new Trial(root, signal, model).begin();
}

class Trial {
  /**
   * @param {HTMLElement} root
   * @param {AbortSignal} signal
   * @param {Model} model
   */
  constructor(root, signal, model) {
    /** @type {{file: File, picture: ImageBitmap | null} | null} */
    this.image = null;
    /** @type {number[]} */
    this.tags = [];
    this.every = true;
    this.asking = new AbortController();
    this.keys = new AbortController();
    this.picker = imagePicker(serverInfo().limits.image_bytes, (file) => this.take(file), signal);
    this.body = element("div", { class: "stage-frame" });
    this.facts = element("dl", { class: "image-facts" });
    this.trouble = element("p", { class: "message", role: "alert", hidden: true });
    this.hint = element("p", { class: "note" });
    this.busy = busyLine("Labelling");
    this.title = element("h1", { tabindex: -1 }, "Try an image");
    this.side = element("div", { class: "scroll" });
    root.append(this.body, element("aside", { class: "panel", "aria-label": "Image" }, this.side));
    root.addEventListener("drop", (event) => this.picker.take(event.dataTransfer?.files[0]), { signal });
    this.answer = element("section", { class: "answer", "aria-label": "Mask", hidden: true });
    signal.addEventListener("abort", () => {
      this.keys.abort();
      this.asking.abort();
    });
    this.model = model;
    this.parts = this.partsOf(model);
  }

  /**
   * What depends on the model's classes.
   * @param {Model} model
   */
  partsOf(model) {
    const viewer = new Viewer(model.classes, this.keys.signal);
    const rest = () => viewer.element.focus({ preventScroll: true });
    const chips = tagChips(model.classes, (id) => this.toggle(id), rest);
    const legend = maskLegend(model.classes, (hidden) => viewer.set({ hidden }), rest);
    return { viewer, tools: viewTools(viewer), chips, legend };
  }

  /**
   * Go on with another model.
   * @param {Model} model
   */
  use(model) {
    this.keys.abort();
    this.keys = new AbortController();
    this.model = model;
    this.parts = this.partsOf(model);
    this.begin();
  }

  /** Show the parts for the model, and ask it. */
  begin() {
    const { viewer, tools, chips, legend } = this.parts;
    this.tags = [];
    this.every = true;
    bindKeys(this.keys.signal, { ...chips.keys, ...tools.keys }, tools.released);
    this.body.replaceChildren(viewer.element, tools.box, this.busy, this.picker.box);
    this.answer.hidden = true;
    this.answer.replaceChildren(element("h2", {}, "In the mask"), legend.box);
    this.side.replaceChildren(
      element("section", {}, this.title, this.facts, this.trouble, this.picker.again),
      element("section", { "aria-label": "Tags" }, element("h2", {}, "Tags"), this.hint, chips.box),
      this.answer,
      this.models(),
    );
    viewer.show(this.image?.picture ?? null, null);
    this.ask();
  }

  models() {
    const { models } = serverInfo();
    if (models.length < 2) return "";
    const options = models.map((one) => element("option", { value: one.name, selected: one === this.model }, one.name));
    /** @type {HTMLSelectElement} */
    const select = element("select", { onchange: () => this.use(modelNamed(select.value) ?? this.model) }, options);
    return element("section", {}, field("Model", select));
  }

  /** @param {File} file */
  async take(file) {
    // A browser does not show every format the model takes, such as TIFF: then the mask is shown alone.
    const picture = await createImageBitmap(file).catch(() => null);
    this.image = { file, picture };
    this.title.replaceChildren(nameText(file.name || "Pasted image"));
    this.parts.viewer.show(picture, null);
    this.picker.box.hidden = true;
    this.picker.again.hidden = false;
    this.ask();
  }

  /** @param {number} id */
  toggle(id) {
    this.every = false;
    this.tags = this.tags.includes(id) ? this.tags.filter((one) => one !== id) : [...this.tags, id];
    this.ask();
  }

  /** Ask the server with the tags as they are now; an answer to earlier tags is not waited for. */
  async ask() {
    const plain = this.model.task === "plain";
    this.parts.chips.update(this.tags);
    this.parts.chips.disable(plain);
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
    const { image } = this;
    if (!image) return;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.busy.hidden = false;
    try {
      const answer = await ask(this.address(), {
        method: "POST",
        body: image.file,
        headers: { Accept: "application/json", "Content-Type": image.file.type || "application/octet-stream" },
        signal,
      });
      this.show(image, answer);
    } catch (error) {
      if (signal.aborted) return;
      this.parts.viewer.setMask(null);
      this.tell(error.message);
    }
    if (!signal.aborted) this.busy.hidden = true;
  }

  address() {
    const named = this.namesOf(this.tags);
    const query = { grid: "upright", model: this.model.name, untagged: this.every ? "all" : null, tags: named };
    // No tag at all is a wish too: background only.
    return address("v1/label", query) + (!this.every && !named.length ? "&tags=" : "");
  }

  /** @param {number[]} ids */
  namesOf(ids) {
    return ids.map((id) => this.model.classes.find((one) => one.id === id)?.name ?? String(id));
  }

  /**
   * @param {{file: File, picture: ImageBitmap | null}} image
   * @param {LabelAnswer} answer
   */
  show(image, answer) {
    const { viewer, chips, legend } = this.parts;
    const found = listed(this.namesOf(answer.found));
    viewer.show(image.picture, maskOf(answer));
    this.tell(answer.not_found.length && !this.every ? `No pixels were found of ${listed(this.namesOf(answer.not_found))}.` : "");
    chips.update(this.tags, answer.not_found);
    const pixels = Object.fromEntries(answer.classes.map((one) => [one.id, one.pixels]));
    legend.update(pixels, Object.fromEntries(answer.classes.map((one) => [one.id, one.confidence])));
    this.answer.hidden = false;
    this.facts.replaceChildren(
      element("dt", {}, "Size"),
      element("dd", {}, `${answer.width} × ${answer.height}`),
      element("dt", {}, "Confidence"),
      element("dd", {}, percent(answer.mean_confidence)),
    );
    viewer.canvas.setAttribute("aria-label", `${image.file.name}, mask of ${found || "background only"}`);
    viewer.canvas.dataset.answer = found;
  }

  /** @param {string} text */
  tell(text) {
    setText(this.trouble, text);
    this.trouble.hidden = !text;
  }
}
