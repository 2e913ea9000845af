import type { ByState } from "../figures.ts";
import { html, type Html } from "../html.ts";

/** The states of attempts in the order in which bars stack them, with their words. */
export const stateWords = [
  ["done", "done"],
  ["retried", "failed, tried again"],
  ["failed", "failed for good"],
  ["cancelled", "cancelled"],
] as const satisfies readonly (readonly [keyof ByState<number>, string])[];

/** "1,203 done, 3 failed for good" */
export const stateCounts = (counts: ByState<number>): string =>
  stateWords
    .filter(([state]) => counts[state] > 0)
    .map(([state, word]) => `${counts[state].toLocaleString("en")} ${word}`)
    .join(", ");

/** The colours of the states that occur, if there are several. */
export function legend(hasState: (state: keyof ByState<number>) => boolean): Html | null {
  const shown = stateWords.filter(([state]) => hasState(state));
  if (shown.length < 2 && hasState("done")) return null;
  return html`<p class="legend">
    ${shown.map(([state, word]) => html`<span><i class="key ${state}"></i>${word}</span>`)}
  </p>`;
}
