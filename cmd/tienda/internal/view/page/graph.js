// The topology: clients, gateway, the other apps with what they keep and send, topics.
import { el, none, table } from "./kit.js";
import { rate } from "./draw.js";

const order = ["users", "orders", "catalog", "support"];
const columns = { client: [0, 90], gateway: [140, 230], app: [520, 240], topic: [880, 170] }; // x and width
const line = 17;
const gap = 16;

// graph draws who uses whom; replicas say how the apps are.
export function graph({ nodes, edges }, replicas) {
  if (!nodes.length) return none("The shop is starting.");
  const boxes = place(nodes, edges, replicas);
  const height = Math.max(...Object.values(boxes).map((b) => b.y + b.height)) + 10;
  const between = edges.filter((e) => boxes[e.from] && boxes[e.to]);
  return el("div", { class: "graph", tabindex: "0", role: "region", "aria-label": "Topology, drawn; the table below says the same" },
    el("svg", { viewBox: `0 0 1060 ${height}`, role: "img", "aria-label": words(nodes, replicas) },
      el("defs", {}, ...["idle", "live", "failing"].map((style) => el("marker", { id: `to-${style}`, class: style, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, el("path", { d: "M0,0 L8,4 L0,8 z" })))),
      ...between.map((e) => edge(e, boxes[e.from], boxes[e.to])),
      ...Object.values(boxes).map(box),
      ...between.map((e) => label(e, boxes[e.from], boxes[e.to]))));
}

function words(nodes, replicas) {
  const bad = replicas.filter((r) => r.state !== "up" || (r.sidecar && r.sidecar.state !== "up"));
  return `${nodes.filter((n) => n.kind === "app").length} apps and ${nodes.filter((n) => n.kind === "topic").length} topics; ` +
    (bad.length ? `not well: ${bad.map((r) => r.name).join(", ")}` : "all are well");
}

// place gives each app, topic and the clients a box; stores and bindings are lines in the
// boxes of who has them.
function place(nodes, edges, replicas) {
  const boxes = {};
  const next = { client: 60, gateway: 30, app: 4, topic: 4 };
  const put = (node, lines) => {
    const column = node.id === "app:gateway" ? "gateway" : node.kind;
    const [x, width] = columns[column];
    const height = 26 + lines.length * line;
    boxes[node.id] = { id: node.id, name: node.name, kind: column, x, y: next[column], width, height, lines };
    next[column] += height + (column === "topic" ? 8 : gap);
  };
  const rank = (n) => { const i = order.indexOf(n.name); return i < 0 ? order.length : i; };
  const sorted = [...nodes].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  for (const node of sorted) {
    if (node.kind === "topic" || node.kind === "client") put(node, node.type ? [[node.type.replace("pubsub.", ""), "quiet"]] : []);
    if (node.kind === "app") put(node, about(node, nodes, edges, replicas));
  }
  return boxes;
}

function about(node, nodes, edges, replicas) {
  const lines = [];
  for (const r of replicas.filter((r) => r.app === node.name)) {
    const side = r.sidecar ? `, sidecar ${r.sidecar.state}` : "";
    const level = r.state === "up" && (!r.sidecar || r.sidecar.state === "up") ? "good" : r.state === "down" || r.sidecar?.state === "down" ? "bad" : "warn";
    lines.push([`${{ good: "✓", bad: "✕", warn: "!" }[level]} ${r.name} ${r.state}${side}`, level]);
  }
  for (const e of edges.filter((e) => e.from === node.id && (e.kind === "keeps" || e.kind === "sends"))) {
    const to = nodes.find((n) => n.id === e.to);
    if (to) lines.push([`${to.name} (${(to.type || "").split(".").pop()}) ${rate(e.rate)}/s`, e.failing > 0 ? "bad" : "quiet"]);
  }
  return lines;
}

function box(b) {
  const bad = b.lines.some(([, style]) => style === "bad");
  return el("g", { "data-node": b.id }, el("rect", { x: b.x, y: b.y, width: b.width, height: b.height, rx: 5, ...(bad ? { class: "bad" } : {}) }),
    el("text", { class: "name", x: b.x + 9, y: b.y + 18 }, b.name),
    ...b.lines.map(([text, style], i) => el("text", { class: style, x: b.x + 9, y: b.y + 18 + (i + 1) * line }, text)));
}

// ends gives where an edge leaves and comes in, and how far it bows.
function ends(a, b) {
  const middle = (o) => o.y + Math.min(o.height / 2, 40);
  if (a.x === b.x) { // within a column: a bow at its left
    const off = a.y < b.y ? 6 : 14;
    return { x1: a.x, y1: middle(a) + off, x2: b.x, y2: middle(b) - off, bow: -70 - Math.abs(a.y - b.y) / 14 };
  }
  return a.x < b.x
    ? { x1: a.x + a.width, y1: middle(a), x2: b.x, y2: middle(b), bow: 0 }
    : { x1: a.x, y1: middle(a) + 6, x2: b.x + b.width, y2: middle(b) + 8, bow: 0 };
}

function edge(e, from, to) {
  const { x1, y1, x2, y2, bow } = ends(from, to);
  const half = (x1 + x2) / 2 + bow;
  const style = e.failing > 0 ? "failing" : e.rate > 0 ? "live" : "idle";
  return el("path", { class: style, "data-edge": `${e.from} ${e.to}`, "marker-end": `url(#to-${style})`, d: `M${x1},${y1} C${half},${y1} ${half},${y2} ${x2},${y2}` },
    el("title", {}, `${e.from.split(":")[1]} ${e.kind} ${e.to.split(":")[1]}: ${rate(e.rate)}/s`));
}

function label(e, from, to) {
  if (!e.rate) return null;
  const { x1, y1, x2, y2, bow } = ends(from, to);
  // Nearer to the app's end, so that those of one fan do not lie on each other.
  const share = bow ? 0.5 : 0.72;
  const x = bow ? (x1 + x2) / 2 + bow * 0.75 : x1 + (x2 - x1) * share;
  return el("text", { class: e.failing > 0 ? "rate bad" : "rate", x, y: y1 + (y2 - y1) * (bow ? 0.5 : 0.88) + 4 }, `${rate(e.rate)}/s`);
}

// edges is the same as a table.
export function edges(all) {
  const used = all.filter((e) => e.rate > 0 || e.kind === "calls");
  if (!used.length) return none("Nothing was called yet.");
  const name = (id) => id.replace("app:", "").replace(":", " ");
  return table("Who calls whom", ["from", "", "to", "#per second", "#of those failing"],
    used.map((e) => [name(e.from), e.kind, name(e.to), rate(e.rate), rate(e.failing || 0)]));
}
