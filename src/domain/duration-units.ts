/** The units of durations that people write, such as 500ms or 2h, in ms; the smallest first. */
export const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
