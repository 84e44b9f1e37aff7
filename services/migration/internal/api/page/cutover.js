// Who is in charge of each service, and how far its change of hands is.
import { at, button, el, marked, number, show, table } from "./kit.js";
import { ask, longAnswer } from "./wire.js";
import { time } from "./draw.js";

const words = {
  monolith: "the monolith is in charge", preparing: "all is compared", fenced: "writes are held, what is on its way is awaited",
  checked: "writes are held, what changed last is compared", flipping: "decided: to the shop", shop: "the shop is in charge, and writes back",
  returning: "the way back", unflipping: "decided: to the monolith", finished: "the shop is in charge, for good",
};
const steps = { monolith: ["begin"], shop: ["rollback", "finish"], preparing: ["abort"], fenced: ["abort"], checked: ["abort"], returning: ["abort"] };
const labels = { begin: "Cut over", abort: "Abort", rollback: "Roll back", finish: "Finish" };

// readCutovers shows how far all services are.
export async function readCutovers() {
  show("cutovers", await ask("GET", "/cutover"), ({ services }) => [
    table("Cut-overs", ["service", "stage", "since", "#last write pause", "#tries", ""], services.map((s) => [
      s.service, marked(stageMark(s), words[s.stage] || s.stage), s.since ? time(s.since) : "",
      s.pause_seconds ? `${number(Math.round(s.pause_seconds * 1000))} ms` : "", number(s.tries),
      el("span", { class: "buttons" }, ...(steps[s.stage] || []).map((what) => button(labels[what], () => doIt(s.service, what), { "data-cutover": `${s.service} ${what}` }))),
    ])),
    ...services.filter((s) => s.reason).map((s) => el("p", {}, marked("warning", `${s.service}: ${s.reason}`))),
  ]);
}

function stageMark(s) {
  return s.stage === "monolith" || s.stage === "shop" || s.stage === "finished" ? "ok" : "warning";
}

async function doIt(service, what) {
  at("cutover-answer").textContent = `${service}: ${labels[what]} …`;
  try {
    await ask("POST", `/cutover/${service}`, { wait: longAnswer, body: { do: what } });
    await readCutovers();
    at("cutover-answer").textContent = `✓ ${service}: ${labels[what]} is under way.`;
  } catch (e) {
    at("cutover-answer").textContent = `✕ ${e.message}`;
  }
}
