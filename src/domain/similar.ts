/** Up to three names similar to `wanted`, the most similar first; `fit.ts` is similar to `fit`. */
export function similarNames(wanted: string, names: readonly string[]): string[] {
  const lower = wanted.toLowerCase();
  const editsMax = Math.min(Math.max(2, wanted.length / 3), wanted.length - 1);
  return names
    .map((name) => {
      const other = name.toLowerCase();
      return { name, edits: other.startsWith(`${lower}.`) ? 0 : editDistance(lower, other) };
    })
    .filter(({ edits }) => edits <= editsMax)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** The end of a message, ` Did you mean "a" or "b"?`, or an empty text. */
export function didYouMean(names: readonly string[]): string {
  const quoted = names.map((name) => JSON.stringify(name));
  return quoted.length === 0 ? "" : ` Did you mean ${quoted.join(" or ")}?`;
}

/** The number of insertions, deletions, replacements and swaps that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let above: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 1; j < row.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i] === b[j - 1] ? 0 : 1);
      const isSwap = j > 1 && a[i] === b[j - 2] && a[i - 1] === b[j - 1];
      const swapped = isSwap ? (above[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [above, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
