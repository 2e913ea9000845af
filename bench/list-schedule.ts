/** When the last job ends if each worker that is free takes the next of the list, at no cost. */
export function listSchedule(durations: readonly number[], workers: number): number {
  const freeAt = Array.from({ length: workers }, () => 0);
  for (const duration of durations) {
    const next = freeAt.indexOf(Math.min(...freeAt));
    freeAt[next] = (freeAt[next] ?? 0) + duration;
  }
  return Math.max(...freeAt);
}

/** The same with the longest jobs first, which takes knowing them: at most 4/3 of the shortest. */
export const longestFirst = (durations: readonly number[], workers: number): number =>
  listSchedule(
    durations.toSorted((a, b) => b - a),
    workers,
  );
