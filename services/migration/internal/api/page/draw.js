// How things are shown. Whatever comes from the app becomes text, never markup.

// el makes an element: el("p", {class: "x"}, "text", otherElement).
export function el(name, attributes = {}, ...children) {
  const made = name === "svg" || name === "polyline"
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

const shown = new WeakMap();

// show fills an element with what make gives, unless it shows the same data already: what
// a person has opened or selected stays.
export function show(id, data, make) {
  const at = document.getElementById(id);
  const key = JSON.stringify(data);
  if (shown.get(at) === key) return;
  shown.set(at, key);
  at.replaceChildren(...[make(data)].flat());
}

export const number = (n) => Number(n).toLocaleString("en");

export const plural = (n, one, many = one + "s") => `${number(n)} ${Number(n) === 1 ? one : many}`;

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

// marked puts a sign and a word before a text, so that colour alone says nothing.
export function marked(level, text) {
  const [sign, style] = { ok: ["✓", "good"], warning: ["!", "warn"], blocked: ["✕", "bad"] }[level];
  return el("span", { class: style }, `${sign} ${text}`);
}

export function facts(pairs) {
  return pairs.filter(([, value]) => value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}

// table draws rows under heads; a head that begins with "#" is of numbers.
export function table(heads, rows) {
  const style = (i) => (heads[i].startsWith("#") ? { class: "number" } : {});
  return el("div", { class: "table", tabindex: "0" }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((h, i) => el("th", { scope: "col", ...style(i) }, h.replace("#", ""))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", style(i), cell)))))));
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

const span = 600; // seconds

// lag draws the last ten minutes; the words beside the line say the same.
export function lag({ lags, now }) {
  if (!lags.length) return el("p", { class: "quiet" }, "Nothing was measured yet.");
  const end = Date.parse(now);
  const top = Math.max(1, ...lags.map((l) => l.seconds));
  const points = lags.map((l) => {
    const x = Math.max(0, span - (end - Date.parse(l.at)) / 1000);
    return `${x.toFixed(1)},${(100 - 96 * l.seconds / top).toFixed(1)}`;
  });
  const last = lags[lags.length - 1];
  const text = `Lag now ${seconds(last.seconds)} and ${bytes(last.bytes)}, at most ${seconds(Math.max(...lags.map((l) => l.seconds)))} in the last ten minutes`;
  return [
    el("p", { class: "axis" }, el("span", {}, `${seconds(top)} at the top`), el("span", {}, text)),
    el("svg", { viewBox: `0 0 ${span} 100`, preserveAspectRatio: "none", role: "img", "aria-label": text }, el("polyline", { points: points.join(" ") })),
    el("p", { class: "axis" }, el("span", {}, "10 min ago"), el("span", {}, "now")),
  ];
}
