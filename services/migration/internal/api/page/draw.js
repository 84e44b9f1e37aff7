// How a move is shown.
import { el, marked, none, number, plural, timeline } from "./kit.js";

export function bytes(n) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (Math.abs(n) >= size) return `${(n / size).toFixed(1)} ${unit}`;
  }
  return `${number(n)} B`;
}

export function seconds(s) {
  if (s < 60) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}

export const time = (at) => new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export function facts(pairs) {
  return pairs.filter(([, value]) => value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}

// kind draws how far one kind is.
export function kind(k) {
  const done = k.copied + k.rejected;
  // Rows that were deleted during the copy never come: what is done, the chunks say.
  const all = k.chunks > 0 && k.chunks === k.chunks_done;
  const percent = all ? 100 : k.rows ? Math.min(99, Math.floor(100 * done / k.rows)) : 0;
  const name = `${k.kind}: ${number(k.copied)} of ${number(k.rows)} copied, ${percent} %`;
  return el("li", { "data-kind": k.kind },
    el("span", {}, el("strong", {}, k.kind), " ", el("span", { class: "quiet" }, `to ${k.app}`)),
    el("progress", { max: "100", value: percent, "aria-label": name }),
    el("span", {}, `${number(k.copied)} of ${number(k.rows)} (${percent} %)`,
      k.rate ? `, ${number(Math.round(k.rate))}/s` : "",
      k.changed ? `, ${number(k.changed)} changed` : "",
      k.stray ? el("span", {}, ", ", marked("warning", `${plural(k.stray, "stray write")} at the monolith, last ${k.stray_key}`)) : "",
      k.rejected ? el("span", {}, ", ", marked("warning", `${number(k.rejected)} rejected`)) : ""));
}

// lag draws the last ten minutes; the words beside the line say the same.
export function lag({ lags, now }) {
  if (!lags.length) return none("Nothing was measured yet.");
  const top = Math.max(1, ...lags.map((l) => l.seconds));
  const last = lags[lags.length - 1];
  const said = `Lag now ${seconds(last.seconds)} and ${bytes(last.bytes)}, at most ${seconds(Math.max(...lags.map((l) => l.seconds)))} in the last ten minutes`;
  return timeline({ end: Date.parse(now), top, left: `${seconds(top)} at the top`, right: said, said, lines: [{ points: lags.map((l) => ({ at: l.at, value: l.seconds })) }] });
}
