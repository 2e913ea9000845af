// A process with pools of the library: bun bench/cluster/library-pools.ts URL COUNT. Prints a line
// when they have started, and stops them when its stdin ends.
import { ClusterPool } from "../../src/index.ts";
import { root } from "../pdoflow.ts";

const [url = "", count = ""] = process.argv.slice(2);
const pools = Array.from(
  { length: Number(count) },
  () => new ClusterPool({ db: url, concurrency: 16, root, project: "*", graceMs: 5_000 }),
);
await Bun.stdin.text();
await Promise.all(pools.map((pool) => pool.stop()));
