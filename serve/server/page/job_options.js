/** The options of a job; what is seldom needed is folded away. */
import { element, field } from "./dom.js";
import { modelNamed, serverInfo } from "./server.js";

/** @type {Record<string, string>} */
const FORMATS = {
  coco: "COCO (coco.json)",
  "label-studio": "Label Studio (label-studio.json)",
  cvat: "CVAT (cvat.zip)",
};

/** @type {JobOptions} */
const USUAL = {
  name: "",
  model: null,
  untagged: "skip",
  ignore_below: 0,
  image_prefix: "",
  confidence: false,
  formats: [],
};

/**
 * The controls and their values as the server wants them; they begin with those of a job, if one is given.
 * @param {JobOptions} [job]
 */
export function jobOptions(job = USUAL) {
  const { models, default_model: usual, formats } = serverInfo();
  const name = element("input", {
    type: "text",
    placeholder: "named after its folder",
    maxlength: 200,
    value: job.name,
  });
  const chosen = modelNamed(job.model)?.name ?? usual;
  const model = element(
    "select",
    {},
    models.map((one) =>
      element("option", { value: one.name, selected: one.name === chosen }, `${one.name} (${one.precision})`),
    ),
  );
  const gone = job.model && chosen !== job.model && `“${job.model}”, which it had, is not there any more`;
  const untagged = element(
    "select",
    {},
    element("option", { value: "skip" }, "leave them out"),
    element("option", { value: "all", selected: job.untagged === "all" }, "label them with every class"),
  );
  const ignore = element("input", { type: "number", min: 0, max: 1, step: 0.05, value: job.ignore_below });
  const prefix = element("input", { type: "text", placeholder: "/data/local-files/?d=", value: job.image_prefix });
  const confidence = element("input", { type: "checkbox", checked: job.confidence });
  const boxes = formats.map((one) => {
    const box = element("input", { type: "checkbox", value: one, checked: job.formats.includes(one) });
    return { box, label: element("label", { class: "check" }, box, FORMATS[one] ?? one) };
  });
  const more = element(
    "details",
    { class: "more" },
    element("summary", {}, "More options"),
    element(
      "div",
      { class: "fields" },
      field("Ignore below", ignore, "confidence, 0 to 1; such pixels become 255"),
      field("Before image paths", prefix, "only for Label Studio"),
      element("label", { class: "check" }, confidence, "Confidence pictures too"),
    ),
    element("fieldset", { class: "checks" }, element("legend", {}, "Further formats"), ...boxes.map((one) => one.label)),
  );
  const box = element(
    "div",
    { class: "options" },
    element(
      "div",
      { class: "fields" },
      field("Name", name),
      field("Model", model, gone),
      field("Images without tags", untagged),
    ),
    more,
  );
  return { box, values };

  function values() {
    return {
      name: name.value.trim(),
      model: model.value,
      untagged: untagged.value,
      confidence: confidence.checked,
      ignore_below: Math.min(1, Math.max(0, Number(ignore.value) || 0)),
      formats: boxes.filter((one) => one.box.checked).map((one) => one.box.value),
      image_prefix: prefix.value,
    };
  }
}
