// A process with the pools of a cluster: bun bench/cluster/cluster-process.ts URL SIZE. Prints what
// it has found as JSON, and ends without ending its pools.
import { connect } from "../../src/db/connection/connect.ts";
import { configuredTarget } from "../../src/db/settings/target.ts";
import { runCluster, type Size } from "./cluster-run.ts";

const [url = "", size = ""] = process.argv.slice(2);
const target = configuredTarget(url, {});
if (!target) throw new Error(`expected a URL, found ${url}`);
const db = connect(target, { connections: 1 });
const found = await runCluster(
  { name: target.database, db, url },
  JSON.parse(size) as Size,
  (line) => process.stderr.write(`${line}\n`),
);
process.stdout.write(JSON.stringify(found), () => process.exit(0));
