// Where the gateway sends the requests of each service, and what shadow reads have found.
import { ask } from "./wire.js";
import { el, marked, number, show, table, time } from "./draw.js";

const at = (id) => document.getElementById(id);

// readRouting shows how requests are sent.
export async function readRouting() {
  const [routing, found] = await Promise.all([ask("GET", "/routing"), ask("GET", "/routing/differences")]);
  // When a gateway was seen changes each second, and is not shown.
  const replicas = routing.replicas.map(({ id, applied, silent }) => ({ id, applied, silent }));
  show("routing", { ...routing, replicas }, draw);
  show("differences", found, differences);
}

function draw(routing) {
  const rows = Object.entries(routing.services).sort().map(([service, is]) => {
    const other = is.to === "shop" ? "monolith" : "shop";
    return [
      service, is.to === "shop" ? "the shop" : "the monolith", is.fenced ? marked("warning", "writes are held") : "writes go on", `${number(100 * is.shadow)} %`,
      el("span", { class: "buttons" },
        button(`${service} fence`, is.fenced ? "Open" : "Fence", () => set(routing, service, { ...is, fenced: !is.fenced })),
        button(`${service} ${other}`, `To the ${other}`, () => set(routing, service, { ...is, to: other })),
        button(`${service} shadow`, is.shadow ? "Compare no reads" : "Compare 5 % of reads", () => set(routing, service, { ...is, shadow: is.shadow ? 0 : 0.05 }))),
    ];
  });
  const behind = routing.replicas.filter((r) => r.applied < routing.version);
  const done = routing.replicas.length - behind.length;
  return [
    table(["service", "its requests go to", "writes", "#reads compared", ""], rows),
    routing.replicas.length
      ? el("p", {}, marked(behind.length ? "warning" : "ok", `${number(done)} of ${number(routing.replicas.length)} gateways have applied version ${number(routing.version)}`))
      : el("p", { class: "quiet" }, "No gateway has asked."),
    ...routing.replicas.filter((r) => r.silent).map((r) => el("p", {}, marked("warning", `Gateway ${r.id} is silent: it has ended, or sends requests as it knew last (version ${number(r.applied)}).`))),
  ];
}

function button(name, text, press) {
  const made = el("button", { type: "button", "data-routing": name }, text);
  made.addEventListener("click", press);
  return made;
}

async function set(routing, service, to) {
  at("routing-answer").textContent = `${service} …`;
  try {
    await ask("PUT", `/routing/${service}`, undefined, to, `"${routing.version}"`);
    await readRouting();
    at("routing-answer").textContent = `✓ ${service} is set.`;
  } catch (e) {
    at("routing-answer").textContent = `✕ ${e.message}`;
  }
}

function differences({ since, routes }) {
  if (!routes.length) return el("p", { class: "quiet" }, "No reads were compared.");
  return [
    el("p", { class: "quiet" }, `Reads that were compared since ${time(since)}; the user has the monolith's answer.`),
    table(["route", "#same", "#different", "#failed", "#dropped"], routes.map((r) => [r.route, number(r.same), number(r.different), number(r.failed), number(r.dropped)])),
    ...routes.filter((r) => r.differences.length).map((r) => el("details", {}, el("summary", {}, `Last differences of ${r.route}`),
      el("ul", { class: "list" }, ...[...r.differences].reverse().map((d) => el("li", {}, `${time(d.at)}: `,
        d.monolith_status === d.shop_status ? el("code", {}, d.pointers.join(" ") || "/") : `status ${d.monolith_status} of the monolith, ${d.shop_status} of the shop`))))),
  ];
}
