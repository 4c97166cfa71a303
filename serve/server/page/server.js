/** What the server is and can do. */
import { ask } from "./api.js";

/** The answer of GET /v1/info. */
export const server = { info: null };

/** Ask for it; again after a lost connection, since the server may have been started with other models. */
export async function meet() {
  server.info = await ask("v1/info");
}

/** The model of that name, or undefined when it is not ready. */
export function modelNamed(name) {
  return server.info.models.find((model) => model.name === name);
}

/** The model that is used when none is named, or another one that is ready; undefined when there is none. */
export function usualModel() {
  return modelNamed(server.info.default_model) ?? server.info.models[0];
}
