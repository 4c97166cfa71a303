/** What the server answers, and what the modules of the page hand to each other. Only for tsc; the server does not need it. */

type QueryValue = string | number | boolean | null | undefined | readonly (string | number)[];
type Child = Node | string | null | false | undefined;
type Listeners = { [Name in keyof HTMLElementEventMap as `on${Name}`]?: (event: HTMLElementEventMap[Name]) => unknown };
type Attributes = Listeners & { style?: Record<string, string>; [name: string]: unknown };
type Keys = Record<string, (event: KeyboardEvent) => unknown>;

interface RequestOptions extends RequestInit {
  headers?: Record<string, string>;
  json?: unknown;
}

/** What a view does when it is shown: build itself in `root`, and stop when `signal` ends. */
type View<Values extends unknown[]> = (root: HTMLElement, signal: AbortSignal, ...values: Values) => unknown;

/** What is thrown: a Problem, or an error of the browser. */
interface Failure extends Error {
  status?: number;
  body?: { item?: Item };
}

interface ClassInfo {
  id: number;
  name: string;
  colour: string;
}

interface Model {
  name: string;
  task: "conditioned" | "plain";
  precision: string;
  engine: string;
  identity: string;
  max_side: number | null;
  tag_penalty: number | null;
  classes: ClassInfo[];
}

/** GET v1/info */
interface ServerInfo {
  version: string;
  default_model: string;
  models: Model[];
  root: boolean;
  formats: string[];
  limits: { image_bytes: number; archive_bytes: number; pixels: number };
}

type JobState = "queued" | "running" | "paused" | "cancelled" | "done" | "failed";
type Verdict = "" | "accepted" | "rejected" | "flagged";

/** The options of a job, as a request carries them. */
interface JobOptions {
  name: string;
  model: string | null;
  untagged: string;
  confidence: boolean;
  ignore_below: number;
  formats: string[];
  image_prefix: string;
}

/** GET v1/jobs/{id} */
interface Job extends JobOptions {
  id: string;
  state: JobState;
  source: "folder" | "archive";
  images: string;
  labels: string | null;
  model_identity: string;
  task: "conditioned" | "plain";
  created: string;
  started: string | null;
  finished: string | null;
  total: number;
  done: number;
  failed: number;
  images_per_second: number;
  seconds_left: number | null;
  message: string;
  classes: ClassInfo[];
  review: Record<string, number>;
}

/** GET v1/jobs */
interface JobListing {
  jobs: Job[];
  total: number;
  offset: number;
}

/** GET v1/jobs/{id}/images/{number} */
interface Item {
  number: number;
  image: string;
  state: "labelled" | "failed";
  width: number;
  height: number;
  tags: number[] | null;
  original_tags: number[] | null;
  found: number[];
  not_found: number[];
  confidence: number;
  pixels: Record<string, number>;
  class_confidence: Record<string, number>;
  stage: string;
  reason: string;
  verdict: Verdict;
  changed: boolean;
  version: number;
  revision: number;
}

/** GET v1/jobs/{id}/images */
interface ItemListing {
  total: number;
  offset: number;
  items: Item[];
}

/** What a reviewer may wish for an image. */
interface Wishes {
  tags?: number[] | null;
  verdict?: Verdict;
}

/** Which images are shown, and in which order. */
type Filter = { show: string; sort: string; order: string; class: string; search: string };

/** Which jobs are shown. */
type JobFilter = { search: string; state: string };

/** GET v1/folders */
interface FolderListing {
  path: string;
  parent: string | null;
  folders: { name: string; path: string }[];
  tables: { name: string; path: string }[];
  images: number;
  dataset: { images: string; labels: string | null } | null;
}

/** A mask as it is sent: ids row by row, deflated, in base64. */
interface PackedMask {
  width: number;
  height: number;
  ids: string;
}

/** A mask: class ids row by row. */
interface Mask {
  width: number;
  height: number;
  ids: Uint8Array;
}

/** COCO's compressed run lengths; `size` is height and width. */
interface RunLengths {
  size: [number, number];
  counts: string;
}

/** POST v1/label */
interface LabelAnswer {
  model: string;
  width: number;
  height: number;
  tags: number[] | null;
  found: number[];
  not_found: number[];
  mean_confidence: number;
  classes: { id: number; name: string; pixels: number; confidence: number | null; rle?: RunLengths }[];
}

/** Swagger UI, from a script of its own. */
declare function SwaggerUIBundle(options: Record<string, unknown>): unknown;
