import type { Db } from "../../src/db/connection/connect.ts";
import { cancelPostings, pausePostings, resumePostings } from "../../src/db/engine/control.ts";
import { drainPools } from "../../src/db/engine/pools.ts";
import type { Arena } from "./arena.ts";
import type { ServerEnd } from "./arena-server.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Dice } from "./dice.ts";
import type { Poster } from "./poster.ts";
import { signal } from "./processes.ts";
import type { Seat } from "./seat.ts";

export interface World {
  arena: Arena;
  chronicle: Chronicle;
  dice: Dice;
  seats: readonly Seat[];
  poster: Poster;
  heartbeatTimeoutMs: number;
  isServerDown: boolean;
}

interface Fault {
  name: string;
  weight: number;
  strike: (world: World, name: string) => Promise<void>;
}

const faults: readonly Fault[] = [
  { name: "kill worker", weight: 4, strike: killWorker },
  { name: "stop worker", weight: 2, strike: stopWorker },
  { name: "kill pool", weight: 2, strike: killPool },
  { name: "stop pool", weight: 2, strike: stopPool },
  { name: "end pool", weight: 1.5, strike: endPool },
  { name: "drain pool", weight: 1, strike: drainPool },
  { name: "terminate backend", weight: 3, strike: terminateBackend },
  { name: "cut connections", weight: 2, strike: cut },
  { name: "swallow packets", weight: 1, strike: freeze },
  { name: "stop server", weight: 0.5, strike: (world, name) => restart(world, name, "stop") },
  { name: "halt server", weight: 0.5, strike: (world, name) => restart(world, name, "halt") },
  { name: "kill server", weight: 0.5, strike: (world, name) => restart(world, name, "kill") },
  { name: "pause posting", weight: 2, strike: pause },
  { name: "resume posting", weight: 2, strike: resume },
  { name: "cancel posting", weight: 0.7, strike: cancel },
];

/** Lets faults of all kinds happen until `until`, and returns when the last one is over. */
export async function strike(world: World, until: AbortSignal, meanMs: number): Promise<void> {
  const going = new Set<Promise<void>>();
  while (!until.aborted) {
    const fault = world.dice.weighted(faults);
    if (!fault) return;
    const struck = fault.strike(world, fault.name).finally(() => going.delete(struck));
    going.add(struck);
    struck.catch(() => {}); // reported by the await below
    await Promise.race([Bun.sleep(world.dice.gapMs(meanMs)), failureOf(struck)]);
  }
  await Promise.all(going);
}

/** Never resolves: rejects where `work` does. */
const failureOf = (work: Promise<void>) =>
  new Promise<never>((_resolve, reject) => void work.catch(reject));

const someSeat = ({ seats, dice }: World) => dice.pick(seats.filter((seat) => seat.isRunning));

function someWorker(world: World): number | undefined {
  return world.dice.pick(someSeat(world)?.workers ?? []);
}

async function killWorker(world: World, name: string): Promise<void> {
  const pid = someWorker(world);
  if (pid === undefined) return;
  world.chronicle.fault(name, { pid })();
  signal(pid, "SIGKILL");
}

async function stopWorker(world: World, name: string): Promise<void> {
  const pid = someWorker(world);
  const ms = world.dice.whole(50, 4000);
  if (pid === undefined) return;
  const over = world.chronicle.fault(name, { pid, more: `for ${ms} ms` });
  signal(pid, "SIGSTOP");
  await Bun.sleep(ms);
  signal(pid, "SIGCONT");
  over();
}

async function killPool(world: World, name: string): Promise<void> {
  const seat = someSeat(world);
  if (!seat) return;
  world.chronicle.fault(name, { pid: seat.pid })();
  seat.signal("SIGKILL");
}

/** Of two such faults every other one is longer than the pool's heartbeat timeout. */
async function stopPool(world: World, name: string): Promise<void> {
  const seat = someSeat(world);
  const isLong = world.dice.chance(0.5);
  const ms = world.heartbeatTimeoutMs * (isLong ? 1.2 + world.dice.next() : world.dice.next());
  if (!seat) return;
  const { pid } = seat;
  const over = world.chronicle.fault(name, { pid, more: `for ${Math.round(ms)} ms` });
  signal(pid, "SIGSTOP");
  await Bun.sleep(ms);
  signal(pid, "SIGCONT");
  over();
}

/** Sometimes asked twice, which kills its workers. */
async function endPool(world: World, name: string): Promise<void> {
  const seat = someSeat(world);
  const isTwice = world.dice.chance(0.3);
  if (!seat) return;
  const { pid } = seat;
  const over = world.chronicle.fault(name, { pid, more: isTwice ? "twice" : "" });
  seat.signal("SIGTERM");
  if (isTwice) {
    await Bun.sleep(200);
    signal(pid, "SIGTERM");
  }
  over();
}

async function drainPool(world: World, name: string): Promise<void> {
  const [pool] = await random(
    world,
    (db, place) => db.sql<{ id: number; pid: number }[]>`
    select number as id, pid from ${db.schema}.pool where state = 'up' order by hashint8(id + ${place})
    limit 1`,
  );
  if (!pool) return;
  world.chronicle.fault(name, { pid: pool.pid })();
  await world.arena.ask((db) => drainPools(db, { ids: [pool.id], hosts: [] }));
}

async function terminateBackend(world: World, name: string): Promise<void> {
  const count = world.dice.whole(1, 3);
  world.chronicle.fault(name, { more: `${count} of them` })();
  await random(
    world,
    (db, place) => db.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
    order by hashint4(pid + ${place}::integer) limit ${count}`,
  );
}

async function cut(world: World, name: string): Promise<void> {
  const seat = world.dice.pick(world.seats.filter(({ proxy }) => proxy !== null));
  if (!seat?.proxy) return;
  world.chronicle.fault(name, { pid: seat.pid })();
  seat.proxy.cut();
}

/**
 * A short one ends with a cut, as a firewall does that has forgotten its connections: a statement
 * that was swallowed would keep its pool waiting for a minute.
 */
async function freeze(world: World, name: string): Promise<void> {
  const seat = world.dice.pick(world.seats.filter(({ proxy }) => proxy !== null));
  const isLong = world.dice.chance(0.6);
  const ms = world.heartbeatTimeoutMs * (isLong ? 1.2 + world.dice.next() : world.dice.next());
  if (!seat?.proxy) return;
  const { pid, proxy } = seat;
  const over = world.chronicle.fault(name, { pid, more: `for ${Math.round(ms)} ms` });
  proxy.freeze();
  await Bun.sleep(ms);
  proxy.thaw();
  if (!isLong) proxy.cut();
  over();
}

async function restart(world: World, name: string, how: ServerEnd): Promise<void> {
  const downMs = world.dice.chance(0.5) ? world.dice.whole(0, 500) : world.dice.whole(500, 4000);
  if (world.isServerDown) return;
  world.isServerDown = true;
  const over = world.chronicle.fault(name, { more: `for ${downMs} ms` });
  await world.arena.restartServer(how, downMs);
  world.chronicle.tell("the server is back");
  world.isServerDown = false;
  over();
}

async function pause(world: World, name: string): Promise<void> {
  const id = await somePosting(world, ["open"]);
  if (id === null) return;
  world.chronicle.count(name);
  world.chronicle.tell(`${name} ${id}`);
  await world.arena.ask((db) => pausePostings(db, [id], "paused", "chaos"));
}

async function resume(world: World, name: string): Promise<void> {
  const id = await somePosting(world, ["paused", "errored_out"]);
  if (id === null) return;
  world.chronicle.count(name);
  world.chronicle.tell(`${name} ${id}`);
  await world.arena.ask((db) => resumePostings(db, [id]));
}

async function cancel(world: World, name: string): Promise<void> {
  const killsRunning = world.dice.chance(0.7);
  const id = await somePosting(world, ["open", "paused", "errored_out"]);
  if (id === null) return;
  const batch = await batchOf(world, id);
  const more = `posting ${id}${killsRunning ? "" : ", what runs goes on"}`;
  world.chronicle.fault(name, { more, batch }); // it stays cancelled
  await world.arena.ask((db) => cancelPostings(db, [id], { killsRunning, reason: "chaos" }));
}

async function batchOf(world: World, id: number): Promise<number> {
  const [row] = await world.arena.ask(
    (db) => db.sql<{ batch: number }[]>`
    select (split_part(coalesce(args, ${db.schema}.sweep_lines(sweep, 0, 1)), e'\\n', 1)::json
            ->> 0)::integer as batch
    from ${db.schema}.job where posting_id = ${id} limit 1`,
  );
  return row?.batch ?? -1;
}

async function somePosting(world: World, states: readonly string[]): Promise<number | null> {
  const [row] = await random(
    world,
    (db, place) => db.sql<{ id: number }[]>`
    select id from ${db.schema}.posting
    where ended_at is null and state::text = any (string_to_array(${states.join(",")}, ','))
    order by hashint8(id + ${place}) limit 1`,
  );
  return row?.id ?? null;
}

/** Asks for something that the dice choose. */
const random = <T>(world: World, question: (db: Db, place: number) => PromiseLike<T>) => {
  const place = world.dice.whole(0, 1_000_000);
  return world.arena.ask((db) => question(db, place));
};
