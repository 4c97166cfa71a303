/** Requests to the server. Addresses are relative, so that the page also works below a path of a proxy. */

import { Emitter } from "./emitter.js";

/**
 * Tells the page when a login is needed ("locked") and when the server does not answer ("lost").
 * @type {Emitter<{locked: undefined, lost: undefined}>}
 */
export const line = new Emitter();

const TRIES = 4;

/** A refusal, told in the server's own sentence; `body` is its JSON. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {{item?: Item}} [body]
   */
  constructor(message, status, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/**
 * Ask the server.
 * @returns {Promise<Response>} A good answer; everything else is thrown as a Problem.
 * @param {string} path Such as "v1/jobs".
 * @param {RequestOptions} [options] As of fetch; `json` is sent as JSON.
 */
export async function call(path, { json, headers = {}, ...options } = {}) {
  const asked = { ...options, headers };
  if (json !== undefined) {
    asked.body = JSON.stringify(json);
    asked.headers = { ...headers, "Content-Type": "application/json" };
  }
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(path, asked);
    if (answer.ok) return answer;
    // A full queue asks for patience, not for a message: the same request is sent again when the server says so.
    if (answer.status !== 503 || attempt === TRIES) throw await refusal(answer);
    await pause(Math.min(5, secondsOf(answer) || 1), options.signal);
  }
}

/**
 * The same, for an answer in JSON.
 * @param {string} path
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, options) {
  return (await call(path, options)).json();
}

/**
 * Query strings without what is empty.
 * @param {string} path
 * @param {Record<string, QueryValue>} values
 */
export function address(path, values) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    for (const one of [value].flat())
      if (one !== "" && one !== null && one !== undefined) query.append(key, String(one));
  }
  return query.size ? `${path}?${query}` : path;
}

/**
 * Send a file and tell how much of it is sent, which fetch cannot.
 * @param {string} path
 * @param {File} file
 * @param {(share: number) => void} progress Called with 0 to 1.
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
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
      if (request.status === 401) line.emit("locked");
      return reject(problemOf(request.responseText, request.status));
    });
    request.addEventListener("error", () => reject(unanswered()));
    request.addEventListener("abort", () => reject(new DOMException("Given up", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    line.emit("lost");
    throw unanswered();
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  if (answer.status === 401) line.emit("locked");
  return problemOf(await answer.text(), answer.status, secondsOf(answer));
}

/**
 * @param {string} text
 * @param {number} status
 * @param {number} [seconds]
 */
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

/**
 * @param {string} text
 * @returns {Record<string, any>}
 */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    // Not from the server itself, such as a proxy's page: its status says more than its markup.
    return {};
  }
}

/** @param {Response} answer */
function secondsOf(answer) {
  return Number(answer.headers.get("Retry-After")) || 0;
}

function unanswered() {
  return new Problem("The server does not answer; the page goes on by itself as soon as it does.", 0);
}

/**
 * @param {number} seconds
 * @param {AbortSignal | null} [signal]
 */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Given up", "AbortError"));
    });
  });
}
