/** Requests to the server. Addresses are relative, so that the page also works below a path of a proxy. */

/** Tells the page when a login is needed ("locked") and when the server does not answer ("lost"). */
export const line = new EventTarget();

const TRIES = 4;

/** A refusal, told in the server's own sentence; `body` is its JSON. */
export class Problem extends Error {
  constructor(message, status, body = {}) {
    super(message);
    Object.assign(this, { status, body });
  }
}

/**
 * Ask the server.
 * @param {string} path Such as "v1/jobs".
 * @param {object} options As of fetch; `json` is sent as JSON.
 * @returns {Promise<Response>} A good answer; everything else is thrown as a Problem.
 */
export async function call(path, { json, headers = {}, ...options } = {}) {
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    headers = { ...headers, "Content-Type": "application/json" };
  }
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(path, { ...options, headers });
    if (answer.ok) return answer;
    // A full queue asks for patience, not for a message: the same request is sent again when the server says so.
    if (answer.status !== 503 || attempt === TRIES) throw await refusal(answer);
    await pause(Math.min(5, secondsOf(answer) || 1), options.signal);
  }
}

/** The same, for an answer in JSON. */
export async function ask(path, options) {
  return (await call(path, options)).json();
}

/** Query strings without what is empty. */
export function address(path, values) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) query.append(key, one);
  }
  return query.size ? `${path}?${query}` : path;
}

/**
 * Send a file and tell how much of it is sent, which fetch cannot.
 * @param {(share: number) => void} progress Called with 0 to 1.
 */
export function upload(path, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", "application/zip");
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && progress(event.loaded / event.total),
    );
    request.addEventListener("load", () => {
      if (request.status < 300) return resolve(JSON.parse(request.responseText));
      if (request.status === 401) line.dispatchEvent(new Event("locked"));
      return reject(problemOf(request.responseText, request.status));
    });
    request.addEventListener("error", () => reject(unanswered()));
    request.addEventListener("abort", () => reject(new DOMException("Given up", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    line.dispatchEvent(new Event("lost"));
    throw unanswered();
  }
}

async function refusal(answer) {
  if (answer.status === 401) line.dispatchEvent(new Event("locked"));
  return problemOf(await answer.text(), answer.status, secondsOf(answer));
}

function problemOf(text, status, seconds = 0) {
  const body = parsed(text);
  const told = body.detail ?? body.error;
  const later = seconds > 0 ? `; try again in ${seconds} s` : "";
  return new Problem(
    typeof told === "string" ? told : `The server answered with status ${status}${later}.`,
    status,
    body,
  );
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    // Not from the server itself, such as a proxy's page: its status says more than its markup.
    return {};
  }
}

function secondsOf(answer) {
  return Number(answer.headers.get("Retry-After")) || 0;
}

function unanswered() {
  return new Problem("The server does not answer; the page goes on by itself as soon as it does.", 0);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Given up", "AbortError"));
    });
  });
}
