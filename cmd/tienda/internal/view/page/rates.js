// Health, rates and latencies.
import { button, el, marked, none, number, plural, table, timeline } from "./kit.js";
import { ms, rate, time } from "./draw.js";

function state(s) {
  const level = { up: "ok", "not ready": "warning" }[s.state] || "bad";
  return marked(level, s.why ? `${s.state}: ${s.why}` : s.state);
}

const known = (n, digits = 0) => (n === null || n === undefined ? "" : number(n, digits));

// health lists all processes, with what they have to do still.
export function health({ replicas, parts }) {
  return table("Processes", ["process", "state", "sidecar", "#port", "#pid", "#sidecar pid", "#in flight", "#outbox", "#oldest", "#dead letters", "#mail"], replicas.map((r) => {
    const p = parts.find((p) => p.name === r.name) || {};
    return [el("strong", { "data-process": r.name }, r.name), state(r), r.sidecar ? state(r.sidecar) : "", r.port || "", r.pid || "", r.sidecar?.pid || "",
      known(p.in_flight), known(p.outbox_backlog), p.outbox_oldest_seconds ? `${number(p.outbox_oldest_seconds, 1)} s` : "", known(p.dead_letters_waiting), known(p.mail_waiting)];
  }));
}

export function incidents(list) {
  if (!list.length) return none("Nothing: all that was started still runs.");
  return el("ul", { class: "list" }, ...[...list].reverse().map((i) => el("li", {}, `${time(i.at)} `, el("strong", {}, i.name), ` ${i.what}`)));
}

function chart(title, points, end, value, extra) {
  const values = points.map(value);
  const top = Math.max(...values.filter((v) => v !== null), ...(extra ? points.map(extra) : []), 0) || 1;
  const line = (of, style) => ({ style, points: points.map((p) => ({ at: p.at, value: of(p) })).filter((p) => p.value !== null) });
  return el("div", {}, ...timeline({ end, top, left: title, right: `${number(top, 1)} at the top`, said: title, lines: [line(value), ...(extra && points.some(extra) ? [line(extra, "bad")] : [])] }));
}

// history draws what clients saw while somebody was looking.
export function history(points, at) {
  if (!points.length) return none("Measuring …");
  const last = points[points.length - 1];
  const end = Date.parse(at);
  return [
    chart(`${rate(last.rate)} requests/s now, ${rate(last.failing)}/s failing (5xx), ${rate(last.refused)}/s refused (4xx)`, points, end, (p) => p.rate, (p) => p.failing + p.refused),
    chart(`95 % of them within ${ms(last.p95_ms)} now`, points, end, (p) => p.p95_ms),
  ];
}

export function routes(all, seconds) {
  if (!seconds) return none("Rates need two looks: a moment.");
  if (!all.length) return none(`No requests in the last ${plural(Math.round(seconds), "second")}.`);
  return table("Routes", ["app", "route", "#per second", "#4xx", "#5xx", "#p50", "#p95", "#p99"], all.map((r) => [r.app, el("code", {}, `${r.method} ${r.route}`),
    rate(r.rate), r.refused ? el("span", { class: "warn" }, rate(r.refused)) : "0", r.failing ? el("span", { class: "bad" }, rate(r.failing)) : "0", ms(r.p50_ms), ms(r.p95_ms), ms(r.p99_ms)]));
}

// problems lists what went wrong, with the traces; open shows one.
export function problems(list, open) {
  if (!list.length) return none("None in the traces that are kept.");
  return table("Problems", ["last", "app", "route", "#status", "code", "#count", "traces"], list.map((p) => [time(p.last), p.app, el("code", {}, p.route),
    el("span", { class: p.status >= 500 || !p.status ? "bad" : "warn" }, p.status || "none"), el("code", {}, p.code || ""), number(p.count),
    el("span", {}, ...p.traces.flatMap((id) => [button(id.slice(0, 6), () => open(id), { class: "link", "data-trace": id, "aria-label": `Trace ${id.slice(0, 6)}` }), " "]))]));
}
