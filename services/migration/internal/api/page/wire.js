// What is asked of the app. The token comes in the fragment, which no server sees; it
// is kept for this tab, so that a reload needs no other link, and taken out of the
// address.

const place = "migration-token";
const patience = 5000; // ms, for what is asked every second

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(place, given);
    history.replaceState(null, "", location.pathname);
  }
}
takeToken();
addEventListener("hashchange", takeToken);

export const hasToken = () => Boolean(sessionStorage.getItem(place));

// Refused is an answer of the app that says no.
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `The app answers with ${status}.`);
    this.status = status;
    this.code = problem.code;
    this.fields = problem.fields || [];
  }
}

// ask gives the JSON of an answer; body is sent as JSON, and tag as If-Match. It throws a Refused, or another error when the app
// cannot be reached.
export async function ask(method, path, wait = patience, body = undefined, tag = "") {
  const headers = { "dapr-api-token": sessionStorage.getItem(place) || "" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (tag) headers["if-match"] = tag;
  const answer = await fetch("/v1/migration" + path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store", redirect: "error", signal: AbortSignal.timeout(wait),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said, answer.status);
  return said;
}
