// How things are shown. Whatever comes from the shop becomes text, never markup.
const drawn = ["svg", "polyline", "rect", "path", "text", "g", "title", "defs", "marker"];

// el makes an element: el("p", {class: "x"}, "text", otherElement).
export function el(name, attributes = {}, ...children) {
  const made = drawn.includes(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
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
  at.replaceChildren(...[make(data)].flat().filter(Boolean));
}

export const number = (n, digits = 0) => Number(n).toLocaleString("en", { maximumFractionDigits: digits });

export const plural = (n, one, many = one + "s") => `${number(n)} ${Number(n) === 1 ? one : many}`;

export const rate = (n) => (n === 0 ? "0" : n < 0.1 ? "<0.1" : number(n, 1));

export function ms(n) {
  if (n === null || n === undefined) return "–";
  return n < 10 ? `${number(n, 1)} ms` : n < 1000 ? `${number(n)} ms` : `${number(n / 1000, 2)} s`;
}

export const time = (at) => new Date(at).toLocaleTimeString("en-GB");

// marked puts a sign before a text, so that colour alone says nothing.
export function marked(level, text) {
  const [sign, style] = { ok: ["✓", "good"], warning: ["!", "warn"], bad: ["✕", "bad"] }[level];
  return el("span", { class: style }, `${sign} ${text}`);
}

// table draws rows under heads; a head that begins with "#" is of numbers.
export function table(label, heads, rows) {
  const style = (i) => (heads[i].startsWith("#") ? { class: "number" } : {});
  return el("div", { class: "table", tabindex: "0", role: "region", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((h, i) => el("th", { scope: "col", ...style(i) }, h.replace("#", ""))))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", style(i), cell)))))));
}

export function button(text, press, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", press);
  return made;
}

export const none = (text) => el("p", { class: "quiet" }, text);
