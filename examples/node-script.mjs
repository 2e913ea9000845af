// A script for plain Node (20 or newer): `node examples/node-script.mjs FILE…` counts the words of
// files with all cores. It posts its own function, starts a pool, and prints what comes back.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ClusterPool, job, postWork } from "pdoflow";

export const countWords = job(async (path) => {
  const text = await readFile(path, "utf8");
  return { path, words: text.split(/\s+/).filter((word) => word !== "").length };
});

// Workers import this file too: only who runs it posts.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2);
  const posting = await postWork(
    countWords,
    files.map((path) => [path]),
    [],
    { maxAttempts: 1 },
  );
  const pool = new ClusterPool();
  try {
    for await (const { status, result, error } of posting.results({ order: "ended" })) {
      if (status === "done") console.log(`${result.words} ${result.path}`);
      else console.error(error?.message ?? status);
    }
  } finally {
    await pool.stop();
  }
  const { failed } = await posting.status();
  if (failed > 0) process.exitCode = 1;
}
