// A process with pools of the library: bun bench/cluster/library-pools.ts URL COUNT. Stops them when
// its stdin ends.
import { ClusterPool } from "../../src/index.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { root } from "../pdoflow.ts";

const upkeepMs = 2_000;

const [url = "", count = ""] = process.argv.slice(2);
const pools: ClusterPool[] = [];
// A server that is busy with the log-ins of hundreds of pools does not answer all of them in time.
const timer = setInterval(() => {
  for (const pool of pools) {
    void pool.upkeep().catch((error: unknown) => console.error(messageOf(error)));
  }
}, upkeepMs);
const ended = Bun.stdin.text();
for (let i = 0; i < Number(count); i++) {
  pools.push(new ClusterPool({ db: url, concurrency: 16, root, project: "*", graceMs: 5_000 }));
}
await ended;
clearInterval(timer);
await Promise.all(pools.map((pool) => pool.stop()));
