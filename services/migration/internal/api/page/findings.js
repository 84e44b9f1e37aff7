// What was found: by the preflight, by the owners who rejected documents, by a
// verification.
import { el, marked, none, number, plural, table } from "./kit.js";
import { facts, seconds, time } from "./draw.js";

export function preflight({ status, findings }) {
  const [level, word] = { ok: ["ok", "A move can begin"], warning: ["warning", "A move can begin; look at what is marked"], blocked: ["bad", "A move cannot begin"] }[status];
  return [el("p", {}, marked(level, word)), el("ul", { class: "list" }, ...findings.map(finding))];
}

function finding(f) {
  const at = [f.table, f.column].filter(Boolean).join(".");
  return el("li", {}, marked(f.status === "blocked" ? "bad" : f.status, f.status), " ", el("strong", {}, f.check), at ? ` ${at}` : "", f.detail ? `: ${f.detail}` : "",
    f.do ? el("pre", {}, f.do) : "");
}

export function rejects(items) {
  if (!items.length) return none("None.");
  return el("ul", { class: "list" }, ...items.map((r) => el("li", {}, el("details", {},
    el("summary", {}, el("strong", {}, r.key), " ", el("code", {}, r.code), " ", r.detail),
    ...(r.fields || []).map((f) => el("p", {}, el("code", {}, f.name), " ", f.reason)),
    el("dl", { class: "facts" }, ...facts([["document", r.id], ["tries", number(r.tries)], ["last", time(r.at)], ["position", number(r.position)]])),
    el("pre", {}, Object.entries(r.row || {}).map(([column, value]) => `${column}: ${value}`).join("\n"))))));
}

export function excluded(list) {
  return (list || []).map((e) => none(`Left out by the mapping: ${plural(e.rows, "row")} of ${e.kind}, ${e.reason}.`));
}

function verdict(r) {
  if (r.error) return marked("bad", `It could not be ended: ${r.error}`);
  if (r.running) return marked("warning", `Under way: ${number(r.compared)} compared so far`);
  if (r.equal) return marked("ok", `Equal: ${plural(r.compared, "document")} compared`);
  return marked("bad", `Not equal: ${number(r.missing)} missing, ${number(r.extra)} extra, ${number(r.different)} different of ${number(r.compared)} compared`);
}

export function verification(r) {
  if (!r) return none("There was none yet.");
  const kinds = r.kinds.map((k) => [k.kind, number(k.source), number(k.excluded), number(k.rejected), number(k.target),
    `${number(k.unequal_buckets)} of ${number(k.buckets)}`, number(k.looked_at_again),
    number(k.missing), number(k.extra), number(k.different)]);
  const differences = r.differences.map((d) => [d.what, d.key, (d.fields || []).join(" "), d.id]);
  return [
    el("p", { id: "verdict" }, verdict(r)),
    none(r.running ? `Begun ${time(r.began_at)}.` : `${time(r.at)}, in ${seconds(r.took_ns / 1e9)}; ${number(r.sampled)} compared field by field.`),
    kinds.length ? table("Kinds of document", ["kind", "#source", "#excluded", "#rejected", "#target", "#unequal buckets at first", "#looked at again", "#missing", "#extra", "#different"], kinds) : "",
    differences.length ? el("h3", {}, `Differences${r.differences.length === 100 ? ", the first 100" : ""}`) : "",
    differences.length ? table("Differences", ["what", "source", "fields", "document"], differences) : "",
  ];
}
