// Roles of all kinds, a posting, and the acts that each role can do.
import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { writeVariable } from "../../../src/db/read/variables.ts";
import { type Act, acts } from "../acts.ts";
import { jobsOf, newPool, postJobs, recordEach, take } from "../engine.ts";
import { type Roles, trying } from "./roles.ts";

/** `poster` acts on a posting of its own; `stranger`, another poster, and all others on that. */
export const actors = [
  ...["poster", "stranger", "viewer", "operator", "pool", "ownPool", "scaler", "owner", "nobody"],
];

export interface Matrix {
  session: (actor: string) => Db;
  /** A posting of the poster with a failed job, one that is done, and some that wait. */
  id: number;
  /** Whether an actor can do something; a refusal is one of the server's, and nothing else. */
  can: (actor: string, act: Act["act"]) => Promise<boolean>;
}

export async function openMatrix(roles: Roles): Promise<Matrix> {
  await roles.db.sql`grant create on database ${roles.db.sql(roles.db.target.database)}
    to ${roles.db.sql(roles.nameOf("owner"))}`;
  await roles.grant("owner", "owner");
  await roles.grant("poster", "poster");
  await roles.grant("stranger", "poster");
  await roles.grant("viewer", "viewer");
  await roles.grant("operator", "operator");
  await roles.grant("pool", "pool");
  await roles.grant("ownPool", "pool", { posters: [] });
  await roles.grant("scaler", "scaler");
  const sessions = new Map<string, Db>();
  for (const actor of actors) sessions.set(actor, await roles.as(actor));
  const session = (actor: string): Db => {
    const db = sessions.get(actor);
    if (!db) throw new Error(`expected a session of ${actor}`);
    return db;
  };
  const id = await postJobs(session("poster"), 5, { name: "mine", maxRunning: 3 });
  await writeVariable(session("poster"), "own", "1");
  await writeVariable(session("operator"), "shared", "2");
  const pool = await newPool(session("pool"));
  const jobs = jobsOf(await take(session("pool"), pool, { cap: 2 }));
  await recordEach(session("pool"), pool, jobs, [
    { state: "failed", error: '{"name":"E","message":"no"}' },
    { result: '"secret"' },
  ]);
  await roles.db.sql`
    insert into pdoflow.live_output (posting_id, seq, pool_id, attempt, reported_at, stdout,
                                     stdout_end, stderr, stderr_end)
    values (${id}, 4, ${pool}, 1, now() + interval '1 h', 'printed', 7, '', 0)`;
  const can: Matrix["can"] = (actor, act) =>
    trying(session(actor), async (db) => {
      try {
        return await act(db, id);
      } catch (error) {
        if (/^(42501|PF003)$/.test(errorCode(error) ?? "")) return false;
        throw error;
      }
    });
  return { session, id, can };
}

/** Has each actor try each act. Prints the results; returns the unexpected ones. */
export async function tryAll({ can }: Matrix): Promise<string[]> {
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const [name, { act, by }] of Object.entries(acts)) {
    const found: string[] = [];
    for (const actor of actors) {
      const isDone = await can(actor, act);
      found.push((isDone ? "yes" : "-").padEnd(9));
      const may = by.split(" ").includes(actor);
      if (isDone !== may) wrong.push(`${name}: ${actor} ${isDone ? "could" : "could not"}`);
    }
    lines.push(`${name.padEnd(28)}${found.join("")}`);
  }
  const header = `${"".padEnd(28)}${actors.map((actor) => actor.padEnd(9)).join("")}`;
  console.log(["", header, ...lines].map((line) => line.trimEnd()).join("\n"));
  return wrong;
}
