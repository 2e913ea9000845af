/** What became of a time of a schedule: see sql/tables/schedule.sql. */
export const fireOutcomes = [
  ...(["posted", "skipped", "missed", "refused"] as const),
  ...(["started", "pruned"] as const),
] as const;
export type FireOutcome = (typeof fireOutcomes)[number];
