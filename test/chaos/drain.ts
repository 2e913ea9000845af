import { resumePostings } from "../../src/db/engine/control.ts";
import type { Arena } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Seat } from "./seat.ts";

/** A statement that the network swallowed is given up by its pool after a minute. */
const deadlineMs = 100_000;
const comesUpMs = 15_000;

/** Resumes paused postings and waits until all postings have ended; reports stuck ones. */
export async function drain(arena: Arena, chronicle: Chronicle, asked: AbortSignal): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!asked.aborted) {
    const unended = await arena.ask(
      ({ sql, schema }) => sql<{ id: number; state: string }[]>`
        select id, state from ${schema}.posting where ended_at is null order by id`,
    );
    if (unended.length === 0) return;
    if (performance.now() > giveUpAt) {
      await tellStuck(arena, chronicle);
      return;
    }
    const held = unended.filter(({ state }) => state === "paused" || state === "errored_out");
    if (held.length > 0) {
      await arena.ask((db) =>
        resumePostings(
          db,
          held.map(({ id }) => id),
        ),
      );
    }
    await Bun.sleep(200);
  }
}

/** Waits until each pool that runs is registered as up: one that was lost comes up again. */
export async function rally(
  arena: Arena,
  chronicle: Chronicle,
  seats: readonly Seat[],
): Promise<void> {
  const giveUpAt = performance.now() + comesUpMs;
  for (;;) {
    const rows = await arena.ask(
      ({ sql, schema }) => sql<{ pid: number }[]>`
        select pid from ${schema}.pool where state = 'up'`,
    );
    const up = new Set(rows.map(({ pid }) => pid));
    const missing = seats.filter((seat) => !seat.isEnding && !up.has(seat.pid));
    if (missing.length === 0) return;
    if (performance.now() > giveUpAt) {
      for (const { name, pid } of missing) {
        chronicle.violations.push(`${name} (pid ${pid}) runs, and has not come up again`);
      }
      return;
    }
    await Bun.sleep(100);
  }
}

async function tellStuck(arena: Arena, chronicle: Chronicle): Promise<void> {
  const rows = await arena.ask(
    ({ sql, schema }) => sql<{ stuck: string }[]>`
      select format('posting %s (%s, %s): %s jobs %s, such as %s', p.id, p.state, p.entry_point,
                    count(*), s.status, min(s.seq)) as stuck
      from ${schema}.posting p join ${schema}.job_status s on s.posting_id = p.id
      where p.ended_at is null and s.status not in ('done', 'failed', 'cancelled')
      group by p.id, s.status order by p.id
      limit 20`,
  );
  for (const { stuck } of rows) chronicle.tell(`stuck after ${deadlineMs} ms: ${stuck}`);
}
