// Posts no-op jobs with PDOFlow, as run.ts asks, and prints how long that took in ms.
import { connect } from "../src/db/connect.ts";
import { insertPosting, type JobBatch } from "../src/db/postings.ts";
import { configuredTarget } from "../src/db/settings.ts";
import { encodeArgs } from "../src/domain/values.ts";

const { url, jobs, batchSize } = JSON.parse(process.argv[2] ?? "");
const target = configuredTarget(url, {});
if (!target) throw new Error("expected a URL");

function* batches(): Generator<JobBatch> {
  for (let first = 0; first < jobs; first += batchSize) {
    const length = Math.min(batchSize, jobs - first);
    const args = Array.from({ length }, (_, i) =>
      encodeArgs([first + i, (first + i) / 2, `file-${first + i}.txt`]),
    );
    yield { args };
  }
}

await using db = connect(target, { connections: 1 });
await db.sql`select 1`; // the other contender has connected before its clock starts, too
const posting = { entryPoint: "noop.ts#noop", priority: 0, osUser: "bench" };
const startedAt = performance.now();
await insertPosting(db, posting, batches(), "bench");
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
