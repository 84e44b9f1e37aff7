// What is asked of the runner.
import { client } from "./kit.js";

export const { ask, hasToken } = client({ path: "/api", header: "Tienda-View-Token", place: "tienda-view-token" });
