import { migrate } from "../../src/db/admin/migrations.ts";
import type { Case } from "../case.ts";
import { run } from "../contender.ts";
import { clock } from "../measure.ts";
import { binary, root } from "../pdoflow.ts";

export const start: Case = {
  name: "start",
  what: "`pdoflow --version`, and `pdoflow status` on a running server, from start to exit",
  target: "under 80 ms, under 150 ms",
  async run({ server, size }) {
    const runs = size(31, 11);
    const database = await server.database("start");
    await migrate(database.db);
    const version: number[] = [];
    const status: number[] = [];
    const commands = [
      { args: ["--version"], took: version },
      { args: ["status", "--database", database.url], took: status },
    ];
    for (let turn = 0; turn <= runs; turn++) {
      for (const { args, took } of commands) {
        const ms = await clock(() => run([binary, ...args], root));
        if (turn > 0) took.push(ms); // the first one has to read the file from disk
      }
    }
    await server.drop(database);
    return {
      sizes: { runs },
      series: [],
      checks: [
        { name: "pdoflow --version", unit: "ms", values: version, bound: { below: 80 } },
        { name: "pdoflow status", unit: "ms", values: status, bound: { below: 150 } },
      ],
    };
  },
};
