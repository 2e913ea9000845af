// Text that others write into the queue is shown, and no terminal obeys any of it.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

const evil = "\u001b]0;x\u0007\u001b[2J\u009b8m\u007f\u001b[31mEVIL";

/** The colours that commands use. */
const ours = new RegExp(String.raw`\u001b\[(?:0|1|2|31|32|33|36)m`, "g");

test("no command shows control characters that a job, a poster or a pool has written", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { sql } = db;
  await sql`select pdoflow.post('a.ts#f', jsonb_build_array(jsonb_build_array(${evil}::text)),
                                jsonb_build_object('osUser', ${evil}::text))`;
  const [pool] = await sql<{ id: number }[]>`
    select pdoflow.pool_register(
      jsonb_build_object('host', ${evil}::text, 'pid', 1, 'version', ${evil}::text,
                         'osUser', ${evil}::text), 1, 86400000, '{}', null) as id`;
  await sql`select * from pdoflow.pool_claim(${pool?.id ?? 0},
    row(array(select id from pdoflow.route), false, '{}', '{}', '{}', 10, 1, '{}', 0, null, '{}')
      ::pdoflow.claim_options, 10)`;
  const error = JSON.stringify({ name: evil, message: evil, stack: `${evil}\n    at ${evil}` });
  await sql`select pdoflow.pool_record(${pool?.id ?? 0},
    row(array(select id from pdoflow.lease), '{1}', '{0}', '{1}', '{1}', '{failed}', '{0}', array['{0}'], array['{1}'],
        array['{1}'], null, null, array[${error}], null, null, '{}', 0, null)::pdoflow.outcome_batch)`;
  await sql`select pdoflow.post('b.ts#f', '[[1]]')`;
  await sql`select pdoflow.pause(2::bigint, ${evil})`;
  await sql`select pdoflow.set_variable(${evil}, to_jsonb(${evil}::text))`;
  const commands = [
    ...["pools", "list --all", "status", "status 1", "status 2", "failures 1", "explain 1/0"],
    ...["explain 2/0", "jobs 1", "vars list", "priority-stats", "depth", "doctor", "wait 1"],
    ...["top --once", "failures 1 --json", "explain 1/0 --json", "pools --json", "doctor --json"],
    ...[
      "jobs 1 --json",
      "status 1 --json",
      "resume 99 --json",
      "results 1",
      "logs 1 --json",
      `failures ${evil}`,
    ],
  ];
  let shown = 0;
  for (const command of commands) {
    const { out, err } = await cli.run(...command.split(" "), "--color", "always");
    const text = (out + err).replaceAll(ours, "");
    expect([command, text.match(/[^\P{Cc}\n\t]/gu)]).toEqual([command, null]);
    shown += Number(text.includes("EVIL"));
  }
  expect(shown).toBeGreaterThan(12);
}, 60_000);
