/** What the server is and can do, asked once after the start or a login. */
import { ask } from "./api.js";

/** The answer of GET /v1/info. */
export const server = { info: null };

/** Ask for it, unless it is known. */
export async function meet() {
  server.info ??= await ask("v1/info");
  return server.info;
}

/** A model by name, or the one that is used when none is named. */
export function modelNamed(name) {
  const { models, default_model: usual } = server.info;
  return models.find((model) => model.name === (name || usual)) ?? models[0];
}
