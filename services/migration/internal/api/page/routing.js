// Where the gateway sends the requests of each service, and what shadow reads have found.
import { at, button, el, marked, none, number, show, table } from "./kit.js";
import { ask } from "./wire.js";
import { time } from "./draw.js";

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
      service, is.to === "shop" ? "the shop" : "the monolith", is.fenced ? marked("warning", "writes are held") : "writes go on", `${number(100 * is.shadow, 2)} %`,
      el("span", { class: "buttons" },
        ...Object.entries({
          fence: [is.fenced ? "Open" : "Fence", { fenced: !is.fenced }],
          [other]: [`To the ${other}`, { to: other }],
          shadow: [is.shadow ? "Compare no reads" : "Compare 5 % of reads", { shadow: is.shadow ? 0 : 0.05 }],
        }).map(([name, [text, changed]]) => button(text, () => set(routing, service, { ...is, ...changed }), { "data-routing": `${service} ${name}` }))),
    ];
  });
  const behind = routing.replicas.filter((r) => r.applied < routing.version);
  const done = routing.replicas.length - behind.length;
  return [
    table("Where requests go", ["service", "its requests go to", "writes", "#reads compared", ""], rows),
    routing.replicas.length
      ? el("p", {}, marked(behind.length ? "warning" : "ok", `${number(done)} of ${number(routing.replicas.length)} gateways have applied version ${number(routing.version)}`))
      : none("No gateway has asked."),
    ...routing.replicas.filter((r) => r.silent).map((r) => el("p", {}, marked("warning", `Gateway ${r.id} is silent: it has ended, or sends requests as it knew last (version ${number(r.applied)}).`))),
  ];
}

async function set(routing, service, to) {
  at("routing-answer").textContent = `${service} …`;
  try {
    await ask("PUT", `/routing/${service}`, { body: to, tag: `"${routing.version}"` });
    await readRouting();
    at("routing-answer").textContent = `✓ ${service} is set.`;
  } catch (e) {
    at("routing-answer").textContent = `✕ ${e.message}`;
  }
}

function differences({ since, routes }) {
  if (!routes.length) return none("No reads were compared.");
  return [
    none(`Reads that were compared since ${time(since)}; the user has the monolith's answer.`),
    table("Reads that were compared", ["route", "#same", "#different", "#failed", "#dropped"], routes.map((r) => [r.route, number(r.same), number(r.different), number(r.failed), number(r.dropped)])),
    ...routes.filter((r) => r.differences.length).map((r) => el("details", {}, el("summary", {}, `Last differences of ${r.route}`),
      el("ul", { class: "list" }, ...[...r.differences].reverse().map((d) => el("li", {}, `${time(d.at)}: `,
        d.monolith_status === d.shop_status ? el("code", {}, d.pointers.join(" ") || "/") : `status ${d.monolith_status} of the monolith, ${d.shop_status} of the shop`))))),
  ];
}
