// What is asked of the runner. The token comes in the fragment, which no server sees; it
// is kept for this tab, so that a reload needs no other link, and taken out of the
// address.
const place = "tienda-view-token";

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

// Refused is an answer that says no.
export class Refused extends Error {
  constructor(said, status) {
    super(said.detail || said.title || `The answer is ${status}.`);
    this.status = status;
  }
}

// ask gives the JSON of an answer, waited for so many ms. It throws a Refused, or another
// error when the runner cannot be reached.
export async function ask(method, path, wait = 5000) {
  const answer = await fetch("/api" + path, {
    method, headers: { "Tienda-View-Token": sessionStorage.getItem(place) || "" },
    cache: "no-store", redirect: "error", signal: AbortSignal.timeout(wait),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said, answer.status);
  return said;
}
