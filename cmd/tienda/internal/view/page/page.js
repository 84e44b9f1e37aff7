// The page: it asks how the shop is every two seconds while somebody sees it.
import { Refused, at, away, plural, show } from "./kit.js";
import { ask, hasToken } from "./wire.js";
import { edges, graph } from "./graph.js";
import { health, history, incidents, problems, routes } from "./rates.js";
import { openTrace, readTraces, unused } from "./traces.js";
import { readLetters } from "./letters.js";

const every = 2000; // ms
const lettersEvery = 5000; // ms
const state = { spans: -1, lettersAt: 0, answered: null };

function showState(s) {
  const bad = s.replicas.filter((r) => r.state !== "up" || (r.sidecar && r.sidecar.state !== "up"));
  const said = !s.replicas.length ? "starting" : bad.length ? `✕ ${bad.map((r) => r.name).join(", ")} not well` : `✓ ${plural(s.replicas.length, "process", "processes")} up`;
  if (at("state").textContent !== said) at("state").textContent = said; // it is read aloud
  at("state").className = `phase ${bad.length ? "bad" : "good"}`;
  document.title = `${bad.length ? "✕ " : ""}Tienda`;
  at("about").textContent = `profile ${s.profile}, gateway ${s.gateway}`;
}

async function look() {
  const s = await ask("GET", "/now");
  state.answered = new Date();
  showState(s);
  show("graph", { graph: s.graph, replicas: s.replicas.map(({ app, name, state, sidecar }) => ({ app, name, state, sidecar: sidecar && { state: sidecar.state } })) }, (d) => graph(d.graph, d.replicas));
  show("edges", s.graph.edges, edges);
  show("health", { replicas: s.replicas, parts: s.parts }, health);
  show("incidents", s.incidents, incidents);
  show("history", s.history, (points) => history(points, s.at));
  show("routes", [s.routes, Math.round(s.seconds)], () => routes(s.routes, s.seconds));
  show("problem-list", s.problems, (list) => problems(list, openTrace));
  if (s.collector) unused(s.collector);
  else if (s.traces_version !== state.spans) {
    await readTraces();
    state.spans = s.traces_version;
  }
  if (Date.now() - state.lettersAt > lettersEvery) {
    await readLetters();
    state.lettersAt = Date.now();
  }
}

async function turn() {
  if (!document.hidden) { // nobody sees it: the shop is left alone
    try {
      if (!hasToken()) away("This page needs the token of this run: open the address that the runner has printed.");
      else {
        await look();
        away("");
      }
    } catch (e) {
      if (e instanceof Refused) away(e.message);
      else away(`The runner is not reachable.${state.answered ? ` What is shown is of ${state.answered.toLocaleTimeString("en-GB")}.` : ""}`);
    }
  }
  setTimeout(turn, every);
}

turn();
