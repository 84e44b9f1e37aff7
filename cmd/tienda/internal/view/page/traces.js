// The last traces, and one of them as a waterfall.
import { at, button, el, marked, none, number, plural, show, table } from "./kit.js";
import { ask } from "./wire.js";
import { ms, time } from "./draw.js";

let only = "";
let opened = "";

for (const b of document.querySelectorAll("button[data-only]")) {
  b.addEventListener("click", () => {
    only = b.dataset.only;
    for (const other of document.querySelectorAll("button[data-only]")) other.setAttribute("aria-pressed", String(other === b));
    readTraces();
  });
}

// readTraces shows the newest traces, and the opened one again: spans come late.
export async function readTraces() {
  show("trace-list", (await ask("GET", "/traces" + (only ? `?only=${only}` : ""))).items, list);
  if (opened) await readTrace();
}

// unused says that traces go elsewhere.
export function unused(collector) {
  show("trace-list", collector, () => none(`Traces go to ${collector}, as the environment says, and not here.`));
}

function list(items) {
  if (!items.length) return none("None yet. Spans come a second or two after their request.");
  return table("Traces", ["at", "request", "#status", "#answered in", "#all done in", "#spans", "apps"], items.map((t) => [time(t.at),
    button(t.name, () => openTrace(t.id), { class: "link", "data-trace": t.id }),
    t.failed ? marked("bad", String(t.status || "failed")) : t.status ? String(t.status) : "", t.slow ? marked("warning", ms(t.took_ms)) : ms(t.took_ms), ms(t.whole_ms), number(t.spans), t.apps.join(" ")]));
}

// openTrace shows a trace and goes there.
export async function openTrace(id) {
  opened = id;
  await readTrace();
  at("trace").focus();
  at("trace").scrollIntoView({ block: "start" });
}

async function readTrace() {
  try {
    show("trace", await ask("GET", `/traces/${opened}`), waterfall);
  } catch (e) {
    show("trace", e.message, (why) => el("p", { class: "alert" }, why));
    opened = "";
  }
}

// waterfall draws each span below its parent; one whose parent is not there is drawn at
// the left.
function waterfall({ id, spans, dropped }) {
  const begun = Math.min(...spans.map((s) => Number(s.begun_ns)));
  const whole = Math.max(1, Math.max(...spans.map((s) => Number(s.ended_ns))) - begun);
  const there = new Set(spans.map((s) => s.id));
  const below = new Map();
  for (const s of spans) {
    const parent = there.has(s.parent) ? s.parent : "";
    below.set(parent, [...(below.get(parent) || []), s]);
  }
  const rows = [];
  const walk = (parent, depth) => {
    for (const s of below.get(parent) || []) {
      rows.push(row(s, depth, begun, whole));
      walk(s.id, depth + 1);
    }
  };
  walk("", 0);
  const apps = [...new Set(spans.map((s) => s.app))].sort();
  return [
    el("h3", {}, `Trace ${id}`),
    el("p", { class: "quiet" }, `${plural(spans.length, "span")} of ${apps.join(", ")} in ${ms(whole / 1e6)}`, dropped ? `; ${number(dropped)} more are not kept` : "", ". Open a line to see what it says."),
    el("ol", { class: "falls", "data-apps": apps.join(" ") }, ...rows),
    button("Close the trace", () => { opened = ""; show("trace", "", () => []); }),
  ];
}

// Of a sidecar's name only the last part says something in one line.
const short = (name) => name.replace("/dapr.proto.runtime.v1.Dapr/", "");

function row(s, depth, begun, whole) {
  const x = 1000 * (Number(s.begun_ns) - begun) / whole;
  const took = Number(s.ended_ns) - Number(s.begun_ns);
  const who = s.sidecar ? `${s.app} sidecar` : s.replica && s.replica !== s.app ? s.replica : s.app;
  const facts = [["kind", s.kind], ["begins after", ms((Number(s.begun_ns) - begun) / 1e6)], ["failed", s.failed ? s.why || "yes" : ""], ...Object.entries(s.attributes).sort(), ["links", (s.links || []).join(" ")]];
  return el("li", { class: s.failed ? "failed" : s.sidecar ? "sidecar" : "" }, el("details", {},
    el("summary", { title: `${who}: ${s.name}` },
      el("span", { class: `d${Math.min(depth, 10)}` }, s.failed ? el("span", { class: "bad" }, "✕ ") : "", el("strong", {}, who), ` ${short(s.name)}`),
      el("svg", { viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" }, el("rect", { x: x.toFixed(1), y: 0, width: Math.max(3, 1000 * took / whole).toFixed(1), height: 10 })),
      el("span", { class: "took" }, ms(took / 1e6))),
    el("dl", { class: "facts" }, ...facts.filter(([, v]) => v).flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]))));
}
