// Pruning: ended postings are gone, and everything else is unchanged.
import * as fc from "fast-check";

import type { Queue } from "./queue.ts";
import type { Act, Model } from "./step.ts";

/** Prunes all that may go, and deletes jobs three at a time. */
export const pruneAct: fc.Arbitrary<Act> = fc.constant({
  name: "prune",
  plan: ({ queue }) =>
    prunable(queue).length === 0
      ? null
      : {
          kind: "prune",
          told: `postings ${prunable(queue).join(", ")} are pruned`,
          async send({ sql }) {
            await sql`
              select pdoflow.prune_postings(
                0, 0, '{finished,cancelled}'::pdoflow.posting_state[], 1000)`;
            for (;;) {
              const [row] = await sql<{ jobs: number | null }[]>`
                select pdoflow.prune_jobs(first_id, 3) as jobs from pdoflow.span
                order by first_id desc limit 1`;
              if (row?.jobs === null) break;
            }
            return forgetPruned;
          },
        },
});

/** Ended postings that no active lease contains (Z2). */
function prunable({ postings, leases }: Queue): number[] {
  const held = [...leases.values()].filter(({ isActive }) => isActive);
  const named = new Set(held.flatMap(({ jobs }) => jobs.map(({ postingId }) => postingId)));
  return [...postings.values()].filter((p) => p.isEnded && !named.has(p.id)).map(({ id }) => id);
}

function forgetPruned(model: Model): void {
  const ids = new Set(prunable(model.queue));
  forget(model.queue, ids);
  model.had = model.had.filter(({ postingId }) => !ids.has(postingId));
  model.sent = model.sent.filter(({ outcomes }) => !outcomes.some((o) => ids.has(o.postingId)));
}

export function forget(queue: Queue, ids: ReadonlySet<number>): void {
  for (const id of ids) queue.postings.delete(id);
  queue.lanes = queue.lanes.filter(({ postingId }) => !ids.has(postingId));
  for (const part of [queue.places, queue.outcomes]) {
    for (const key of part.keys()) if (ids.has(Number.parseInt(key, 10))) part.delete(key);
  }
}
