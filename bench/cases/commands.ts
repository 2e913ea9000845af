import { migrate } from "../../src/db/admin/migrations.ts";
import type { Case } from "../case.ts";
import type { CommandTool } from "../command-table.ts";
import { run } from "../contender.ts";
import { clock } from "../measure.ts";
import { binary, root } from "../pdoflow.ts";
import type { Series } from "../result.ts";

export const commands: Case = {
  name: "commands",
  what: "commands from a shell, two at a time, beside GNU parallel and xargs if they are installed",
  target: "1,000 times `true` in 0.7 s, one command in 0.15 s",
  async run({ server, size, rounds }) {
    const count = size(1_000, 100);
    const many = `${count.toLocaleString("en")} times true`;
    const turns = rounds(11, 3);
    const database = await server.database("commands");
    await migrate(database.db);
    const env = ["env", `PDOFLOW_DATABASE_URL=${database.url}`];
    const tools: [tool: CommandTool, line: string[]][] = [
      ["pdoflow run", [...env, binary, "run", "-q", "-j2", "--"]],
      ["GNU parallel", ["parallel", "--will-cite", "-j2"]],
      ["xargs", ["xargs", "-P2", "-n1"]],
    ];
    const found = tools.filter(([, [first = ""]]) => Bun.which(first) !== null);
    const series = new Map<string, Series>();
    for (let turn = 0; turn <= turns; turn++) {
      for (const [i, jobs] of [1, count].entries()) {
        for (const [tool, line] of found) {
          const script = 'seq "$1" | { shift; "$@" true; }';
          const whole = ["sh", "-c", script, "sh", String(jobs), ...line];
          const ms = await clock(() => run(whole, root));
          const name = `${i === 0 ? "one command" : many}: ${tool}`;
          const before = series.get(name)?.values ?? [];
          // The first turn reads the files from disk.
          const values = turn === 0 ? before : [...before, ms / 1000];
          series.set(name, { name, unit: "s", values });
        }
      }
    }
    await server.drop(database);
    const of = (name: string) => series.get(name)?.values ?? [];
    return {
      sizes: { commands: count, rounds: turns },
      series: [...series.values()],
      checks: [
        {
          ...{ name: many, unit: "s", values: of(`${many}: pdoflow run`) },
          bound: { below: 0.7 },
        },
        {
          ...{ name: "one command", unit: "s", values: of("one command: pdoflow run") },
          bound: { below: 0.15 },
        },
      ],
      notes: [
        "pdoflow run records each command, its output and its exit code in the database",
        ...(found.length < tools.length ? ["a tool that is not installed has no figures"] : []),
      ],
    };
  },
};
