// Run by read-arguments.test.ts in a process of its own, so that its memory is what reading takes.
import { readArguments } from "../../src/input/read-arguments.ts";

/** An array of 300,001 lists on one line. */
async function* source(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("[[0]");
  const chunk = Buffer.from(`,["${"a".repeat(994)}"]`.repeat(100));
  for (let sent = 0; sent < 3000; sent += 1) yield chunk;
  yield Buffer.from("]");
}

// Not maxRSS of this process: Linux includes the memory of the parent at the fork.
let rssMax = 0;
let jobs = 0;
for await (const batch of readArguments(source(), { format: "auto", name: "stdin" })) {
  jobs += batch.args.length;
  rssMax = Math.max(rssMax, process.memoryUsage.rss());
}
process.stdout.write(JSON.stringify({ jobs, rssMax }));
