// The life of a pool: it beats, dies and is rescued.
import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { sendHeartbeat, registerPool } from "../../../src/db/engine/pools.ts";
import { rescue } from "../engine.ts";
import * as changes from "./changes.ts";
import { type Attempt, attemptKey, have, heldLeases, type Queue, unfinished } from "./queue.ts";
import { type Act, alive, bits, type Change, choose, chooseSome, pick } from "./step.ts";

/** So patient that no pool is lost for the slowness of the machine. */
export const startPool = (db: Db): Promise<number> =>
  registerPool(db, {
    host: "here",
    pid: 1,
    version: "test",
    osUser: "ada",
    slots: 1,
    heartbeatTimeoutMs: 3_600_000,
    provides: {},
    posters: null,
  });

export const silencePool = ({ sql }: Db, id: number) => sql`
  update pdoflow.pool set heartbeat_at = now() - interval '1 day' where id = ${id}`;

/** A heartbeat that reports some jobs as running. */
export const beatAct: fc.Arbitrary<Act> = fc
  .record({ pool: pick, jobs: bits })
  .map(({ pool, jobs }) => ({
    name: "beat",
    plan({ queue }) {
      const poolId = choose([...queue.pools.values()], pool)?.id;
      if (poolId === undefined) return null;
      const running = chooseSome(inHand(queue, poolId), jobs);
      return {
        kind: "beat",
        poolId,
        told: `pool ${poolId} beats, running ${running.map(attemptKey).join(" ")}`,
        async send(db) {
          const isUp = await tell(db, poolId, running);
          return ({ queue }) => {
            const beating = have(queue.pools.get(poolId), "pool");
            const isAlive = alive(queue).includes(beating);
            if (isUp !== isAlive)
              throw new Error(`beat: up is ${isUp}, and it is ${beating.state}`);
            if (isAlive) Object.assign(beating, { running, isSilent: false });
          };
        },
      };
    },
  }));

const inHand = (queue: Queue, poolId: number): Attempt[] =>
  heldLeases(queue, poolId).flatMap((lease) => unfinished(queue, lease));

async function tell(db: Db, poolId: number, running: readonly Attempt[]): Promise<boolean> {
  const jobs = running.map(({ postingId, ...job }) => ({ posting: postingId, ...job }));
  return (await sendHeartbeat(db, poolId, jobs)).isUp;
}

/** A pool dies after a last heartbeat. Sometimes a new one comes in its place. */
export const loseAct: fc.Arbitrary<Act> = fc
  .record({ pool: pick, jobs: fc.oneof(fc.constant(0), bits), isReplaced: fc.boolean() })
  .map(({ pool, jobs, isReplaced }) => ({
    name: "lose",
    plan({ queue }) {
      const holders = alive(queue).filter(({ id }) => inHand(queue, id).length > 0);
      const poolId = choose(holders.length > 0 ? holders : alive(queue), pool)?.id;
      if (poolId === undefined) return null;
      const running = chooseSome(inHand(queue, poolId), jobs);
      return {
        kind: "lose",
        poolId,
        told:
          `pool ${poolId} dies, running [${running.map(attemptKey).join(" ")}]` +
          (isReplaced ? ", and another one starts" : ""),
        async send(db) {
          await tell(db, poolId, running);
          await silencePool(db, poolId);
          const started = isReplaced ? await startPool(db) : null;
          return ({ queue }) => {
            Object.assign(have(queue.pools.get(poolId), "pool"), { isSilent: true, running });
            if (started !== null) addPool(queue, started);
          };
        },
      };
    },
  }));

export const addPool = (queue: Queue, id: number): unknown =>
  queue.pools.set(id, { id, state: "up", isSilent: false, refused: 0, running: [] });

export const rescueAct: fc.Arbitrary<Act> = fc.constant({
  name: "rescue",
  plan: ({ queue }) =>
    alive(queue).some(({ isSilent }) => isSilent)
      ? {
          kind: "rescue",
          told: "silent pools are rescued",
          async send(db): Promise<Change> {
            const rescued = (await rescue(db)).map(({ poolId, jobs }) => ({ poolId, jobs }));
            return ({ queue }) => {
              const expected = changes.rescue(queue);
              if (Bun.deepEquals(rescued, expected)) return;
              throw new Error(
                `rescue: ${JSON.stringify(rescued)}, not ${JSON.stringify(expected)}`,
              );
            };
          },
        }
      : null,
});
