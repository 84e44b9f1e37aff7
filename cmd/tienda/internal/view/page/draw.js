// How figures are written.
import { number } from "./kit.js";

export const rate = (n) => (n === 0 ? "0" : n < 0.1 ? "<0.1" : number(n, 1));

export function ms(n) {
  if (n === null || n === undefined) return "–";
  return n < 10 ? `${number(n, 1)} ms` : n < 1000 ? `${number(n)} ms` : `${number(n / 1000, 2)} s`;
}

export const time = (at) => new Date(at).toLocaleTimeString("en-GB");
