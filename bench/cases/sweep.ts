import { close, postWork, product, range } from "../../src/index.ts";
import { migrate } from "../../src/db/admin/migrations.ts";
import type { Case } from "../case.ts";
import { ContenderFailed, run } from "../contender.ts";
import { clock } from "../measure.ts";
import { binary, root } from "../pdoflow.ts";
import { tableBytes, walBytes } from "../usage.ts";

const numbers = 10_000_000;
const rates = Array.from({ length: 10 }, (_, index) => index / 10);
const jobs = numbers * rates.length;

export const sweep: Case = {
  name: "sweep",
  what: "posts all combinations of ten million numbers and ten rates: 100 million jobs",
  target: "under 10 ms, and no disk but for the posting's own rows",
  async run(bench) {
    const posts = bench.size(50, 20);
    const database = await bench.server.database("sweep");
    await migrate(database.db);
    const post = () =>
      postWork("jobs.ts#noop", product(range(1, numbers), rates), [], { db: database.url });
    const before = { bytes: await tableBytes(database), wal: await walBytes(database) };
    const firstMs = await clock(post); // opens the connection
    const libraryMs: number[] = [];
    for (let round = 1; round <= posts; round++) libraryMs.push(await clock(post));
    const bytes = ((await tableBytes(database)) - before.bytes) / (1 + posts);
    const wal = ((await walBytes(database)) - before.wal) / (1 + posts);
    const each = ["--each", `1-${numbers}`, "--each", rates.join(",")];
    const command = [binary, "post", "jobs.ts#noop", ...each, "--database", database.url];
    const commandMs: number[] = [];
    for (let round = 1; round <= 10; round++) commandMs.push(await clock(() => run(command, root)));
    const [row] = await database.db.sql<{ posted: number }[]>`
      select sum(job_count) as posted from pdoflow.posting`;
    if (row?.posted !== jobs * (1 + posts + commandMs.length)) {
      throw new ContenderFailed(`expected ${jobs} jobs a posting, found ${row?.posted} in all`);
    }
    await close();
    await bench.server.drop(database);
    return {
      sizes: { jobs, posts },
      series: [
        { name: "first post of a process", unit: "ms", values: [firstMs] },
        { name: "pdoflow post, start to exit", unit: "ms", values: commandMs },
      ],
      checks: [
        { name: "a post by the library", unit: "ms", values: libraryMs, bound: { below: 10 } },
        { name: "disk of a posting", unit: "bytes", values: [bytes], bound: { atMost: 8_192 } },
        { name: "log of a posting", unit: "bytes", values: [wal], bound: null },
      ],
      notes: ["the log has images of whole pages in it, once per page after each checkpoint"],
    };
  },
};
