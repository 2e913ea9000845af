/** The resources that every pool detects. The needs and values of these are amounts. */
const known: ReadonlySet<string> = new Set(["cpus", "mem", "gpu"]);

const likelyTypos = new Map([
  ["cpu", "cpus"],
  ["gpus", "gpu"],
  ["memory", "mem"],
]);

/** Why a name of a resource is taken for a typo of a known one; null if it is not. */
export function nameFault(name: string): string | null {
  const lower = name.toLowerCase();
  const meant = likelyTypos.get(lower) ?? lower;
  return known.has(meant) && name !== meant ? `expected the name ${meant}, found "${name}"` : null;
}

/** Whether a word is no malformed amount: a word is compared, and never equal to an amount. */
export const canBeWord = (name: string, word: string): boolean =>
  !known.has(name) && !/^-\d/.test(word);
