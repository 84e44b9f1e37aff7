// What all pages have: elements, numbers, tables, lines over time, and questions to the
// page's server. Whatever comes from there becomes text, never markup.
const drawn = ["svg", "polyline", "rect", "path", "text", "g", "title", "defs", "marker"];

export const at = (id) => document.getElementById(id);

// el makes an element: el("p", {class: "x"}, "text", otherElement).
export function el(name, attributes = {}, ...children) {
  const made = drawn.includes(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return made;
}

export function button(text, press, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", press);
  return made;
}

const shown = new WeakMap();

// show fills an element with what make gives, unless it shows the same data already: what
// a person has opened or selected stays.
export function show(id, data, make) {
  const key = JSON.stringify(data);
  if (shown.get(at(id)) === key) return;
  shown.set(at(id), key);
  at(id).replaceChildren(...[make(data)].flat().filter(Boolean));
}

let told = "";

// away says why what is shown may be old; "": it is not.
export function away(why) {
  if (why === told) return;
  told = why;
  at("away").textContent = why;
  at("away").hidden = !why;
  at("main").classList.toggle("stale", Boolean(why));
}

export const none = (text) => el("p", { class: "quiet" }, text);

export const number = (n, digits = 0) => Number(n).toLocaleString("en", { maximumFractionDigits: digits });

export const plural = (n, one, many = one + "s") => `${number(n)} ${Number(n) === 1 ? one : many}`;

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

const span = 600; // seconds that a timeline is long

// timeline draws lines over the ten minutes before end (ms). A line is a list of points
// {at, value}, and may have a class; top is the value at the top. The words left and right above it say
// what there is to see, and said is for who does not see it.
export function timeline({ end, top, left, right, said, lines }) {
  const x = (p) => Math.max(0, span - (end - Date.parse(p.at)) / 1000).toFixed(1);
  const y = (p) => (98 - 94 * p.value / top).toFixed(1);
  return [
    el("p", { class: "axis" }, el("span", {}, left), el("span", {}, right)),
    el("svg", { class: "timeline", viewBox: `0 0 ${span} 100`, preserveAspectRatio: "none", role: "img", "aria-label": said },
      ...lines.map(({ points, style }) => el("polyline", { ...(style ? { class: style } : {}), points: points.map((p) => `${x(p)},${y(p)}`).join(" ") }))),
    el("p", { class: "axis" }, el("span", {}, "10 min ago"), el("span", {}, "now")),
  ];
}

// Refused is an answer that says no.
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `The answer is ${status}.`);
    this.status = status;
    this.code = problem.code;
  }
}

// client asks the server below a path, with a token in a header. The token comes in the
// fragment of the page's address, which no server sees; it is kept for this tab in a place
// of its storage, so that a reload needs no other link, and taken out of the address.
export function client({ path: below, header, place }) {
  const takeToken = () => {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      sessionStorage.setItem(place, given);
      history.replaceState(null, "", location.pathname);
    }
  };
  takeToken();
  addEventListener("hashchange", takeToken);
  const token = () => sessionStorage.getItem(place) || "";

  return {
    hasToken: () => Boolean(token()),
    // ask gives the JSON of an answer, waited for so many ms; body is sent as JSON, and
    // tag as If-Match. It throws a Refused, or another error when the server cannot be
    // reached.
    ask: async (method, path, { wait = 5000, body, tag } = {}) => {
      const answer = await fetch(below + path, {
        method, body: body === undefined ? undefined : JSON.stringify(body),
        headers: { [header]: token(), ...(body === undefined ? {} : { "content-type": "application/json" }), ...(tag ? { "if-match": tag } : {}) },
        cache: "no-store", redirect: "error", signal: AbortSignal.timeout(wait),
      });
      const said = await answer.json();
      if (!answer.ok) throw new Refused(said, answer.status);
      return said;
    },
  };
}
