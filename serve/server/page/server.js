/** What the server is and can do. */
import { ask } from "./api.js";

/**
 * The answer of GET /v1/info, null before it has come.
 * @type {{info: ServerInfo | null}}
 */
export const server = { info: null };

/** The same, for views: they are shown after it has come. */
export function serverInfo() {
  if (!server.info) throw new Error("The server has not told yet what it is.");
  return server.info;
}

/** Ask for it; again after a lost connection, since the server may have been started with other models. */
export async function meet() {
  server.info = await ask("v1/info");
}

/**
 * The model of that name, or undefined when it is not ready.
 * @param {string | null} name
 */
export function modelNamed(name) {
  return serverInfo().models.find((model) => model.name === name);
}

/** The model that is used when none is named, or another one that is ready; undefined when there is none. */
export function usualModel() {
  return modelNamed(serverInfo().default_model) ?? serverInfo().models[0];
}
