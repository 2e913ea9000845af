/**
 * Compares the numbers of two versions such as "0.10.0 (3f2a9c1)": negative if `a` is older. Builds
 * of the same version, and texts without numbers, are equal.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  if (left === null || right === null) return 0;
  const differences = left.map((part, index) => part - (right[index] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

function numbersOf(version: string): number[] | null {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  return found && found.slice(1).map(Number);
}
