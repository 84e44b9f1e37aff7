// Dead letters, and what is done with them.
import { at, button, el, marked, none, number, plural, show } from "./kit.js";
import { ask } from "./wire.js";
import { openTrace } from "./traces.js";

const longAnswer = { wait: 15000 }; // ms: a replay takes as long as a delivery

// readLetters shows what waits.
export async function readLetters() {
  try {
    show("letter-list", await ask("GET", "/dead-letters", longAnswer), list);
  } catch (e) {
    show("letter-list", e.message, (why) => none(`They cannot be shown: ${why}.`));
  }
}

function list({ items, apps }) {
  const silent = apps.filter((a) => !a.counts).map((a) => marked("warning", `${a.app} does not answer`));
  const waiting = apps.reduce((n, a) => n + (a.counts?.waiting || 0), 0);
  const settled = apps.map((a) => a.counts).filter(Boolean).reduce(([r, d], c) => [r + c.replayed, d + c.discarded], [0, 0]);
  return [
    el("p", {}, waiting ? marked("warning", `${plural(waiting, "dead letter waits", "dead letters wait")}`) : marked("ok", "None waits"), ` (${number(settled[0])} replayed, ${number(settled[1])} discarded) `, ...silent),
    items.length ? el("ul", { class: "list" }, ...items.map(letter)) : null,
  ];
}

function letter(l) {
  const body = el("div", {});
  const details = el("details", {}, el("summary", {}, el("strong", {}, l.app), " refuses ", el("code", {}, l.type || "what is no event"), ` ${l.subject || ""}`,
    l.reason ? el("span", {}, ": ", el("code", {}, l.reason.code), ` ${l.reason.detail || ""}`) : "", el("span", { class: "quiet" }, ` ${plural(l.replays, "replay")} tried, came ${plural(l.arrivals, "time")}, last ${new Date(l.last_at).toLocaleString("en-GB")}`)), body);
  details.addEventListener("toggle", async () => {
    if (!details.open || body.childElementCount) return;
    try {
      const whole = await ask("GET", `/dead-letters/${l.app}/${l.id}`, longAnswer);
      const trace = (whole.event?.traceparent || "").slice(3, 35);
      body.append(el("pre", {}, whole.event ? JSON.stringify(whole.event, null, 2) : whole.event_base64), trace ? button("The trace that it is of", () => openTrace(trace), { class: "link" }) : "");
    } catch (e) {
      body.append(el("p", { class: "bad" }, e.message));
    }
  });
  return el("li", { "data-letter": l.id, "data-subject": l.subject || "" }, details, el("p", { class: "buttons" },
    button("Replay", () => settle(l, "replay", "replayed"), { "aria-label": `Replay ${l.type} in ${l.app}`, "data-do": "replay" }),
    button("Discard", () => confirm(`Give up ${l.type} of ${l.subject || "nothing"} in ${l.app}? It will never be applied.`) && settle(l, "discard", "discarded"), { "aria-label": `Discard ${l.type} in ${l.app}`, "data-do": "discard" })));
}

async function settle(l, what, done) {
  at("letter-answer").textContent = `${l.type}: ${what} …`;
  try {
    await ask("POST", `/dead-letters/${l.app}/${l.id}/${what}`, longAnswer);
    at("letter-answer").textContent = `✓ ${l.type} of ${l.subject || l.app} is ${done}.`;
  } catch (e) {
    at("letter-answer").textContent = `✕ ${l.type}: ${e.message}`;
  }
  await readLetters();
}
