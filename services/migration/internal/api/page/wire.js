// What is asked of the app.
import { client } from "./kit.js";

export const longAnswer = 55000; // ms, for what the app does before it answers

export const { ask, hasToken } = client({ path: "/v1/migration", header: "dapr-api-token", place: "migration-token" });
