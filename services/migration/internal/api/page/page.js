// The page: it asks how the move stands every second, and shows it.
import { Refused, at, away, number, show } from "./kit.js";
import { ask, hasToken, longAnswer } from "./wire.js";
import { bytes, facts, kind, lag, seconds, time } from "./draw.js";
import { readCutovers } from "./cutover.js";
import { readRouting } from "./routing.js";
import { excluded, preflight, rejects, verification } from "./findings.js";

const every = 1000; // ms
const signs = { idle: "○ idle", copying: "▶ copying", following: "▶ following", stopped: "■ stopped", failed: "✕ failed" };
const state = { answered: null, rejectsOf: "", reportOf: "", shown: [], next: "" };

function showStatus(s) {
  at("phase").textContent = signs[s.phase] || s.phase;
  document.title = `${s.phase}: migration`;
  at("reason").textContent = s.reason ? `${s.phase}: ${s.reason}` : "";
  at("reason").hidden = !s.reason;
  show("facts", [
    ["since", time(s.since)], ["mapping", s.mapping || "none"], ["waits for", s.waiting ? s.waiting + " (" + (s.waiting_why || "") + ")" : ""],
    ["lag", `${seconds(s.lag_seconds)}, ${bytes(s.lag_bytes)}`], ["position in the log", number(s.position)], ["end of the log", number(s.head)],
    ["log left", s.log_left_bytes < 0 ? "no limit" : bytes(s.log_left_bytes)], ["changed documents", number(s.changes)],
    ["rejects", `${number(s.rejects)}, limit ${number(s.reject_limit)}`],
  ], facts);
  show("kinds", s.kinds, (kinds) => kinds.map(kind));
  show("excluded", s.excluded || [], excluded);
  show("lag", { lags: s.lags, now: s.updated_at }, lag);
}

async function readRejects(more) {
  const from = more ? state.next : "";
  const page = await ask("GET", "/rejects?limit=50" + (from ? "&cursor=" + encodeURIComponent(from) : ""));
  state.shown = more ? [...state.shown, ...page.items] : page.items;
  state.next = page.next_cursor || "";
  at("more").hidden = !state.next;
  show("rejects", state.shown, rejects);
}

async function readReport() {
  try {
    show("verification", await ask("GET", "/verify"), verification);
  } catch (e) {
    if (!(e instanceof Refused) || e.status !== 404) throw e;
    show("verification", null, verification);
  }
}

async function readPreflight() {
  at("preflight-again").disabled = true;
  try {
    show("preflight", await ask("GET", "/preflight", { wait: longAnswer }), preflight);
  } catch (e) {
    at("preflight").textContent = `✕ ${e.message}`;
  } finally {
    at("preflight-again").disabled = false;
  }
}

// look reads what may have changed: the lists only where the status says that they have.
async function look() {
  const s = await ask("GET", "");
  showStatus(s);
  state.answered = new Date();
  await readCutovers();
  await readRouting();
  const rejectsOf = JSON.stringify([s.rejects, s.kinds.map((k) => k.rejected)]);
  if (rejectsOf !== state.rejectsOf) {
    await readRejects(false);
    state.rejectsOf = rejectsOf;
  }
  const reportOf = JSON.stringify(s.verified || null);
  if (reportOf !== state.reportOf || s.verified?.running) {
    await readReport();
    state.reportOf = reportOf;
  }
}

async function turn() {
  try {
    if (!hasToken()) {
      away("This page needs the app token: open it as /#token=… with the APP_API_TOKEN of the app.");
    } else {
      await look();
      away("");
    }
  } catch (e) {
    if (e instanceof Refused && e.status === 403) away("The token is not taken. Open the page as /#token=… with the APP_API_TOKEN of the app that runs now.");
    else if (e instanceof Refused) away(`The app answers: ${e.message}`);
    else away(`The app is not reachable.${state.answered ? ` What is shown is of ${time(state.answered)}.` : ""}`);
  }
  setTimeout(turn, every);
}

const done = {
  start: () => "Started.", stop: () => "Stopped.", verify: () => "The verification has begun.",
  "rejects/retry": (a) => `${number(a.taken)} taken, ${number(a.left)} left.`, repair: (a) => `${number(a.written)} written. Verify again.`,
};

async function press(button) {
  const what = button.dataset.do;
  button.disabled = true;
  at("answer").textContent = `${button.textContent} …`;
  try {
    at("answer").textContent = `✓ ${done[what](await ask("POST", "/" + what, { wait: longAnswer }))}`;
  } catch (e) {
    at("answer").textContent = `✕ ${e.message}`;
    if (e.code === "preflight_blocked") await readPreflight();
  } finally {
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("button[data-do]")) button.addEventListener("click", () => press(button));
at("preflight-again").addEventListener("click", readPreflight);
at("more").addEventListener("click", () => readRejects(true).catch((e) => away(e.message)));
if (hasToken()) readPreflight();
turn();
