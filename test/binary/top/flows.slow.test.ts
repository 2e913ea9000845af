import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openQueueCli } from "../queue-cli.ts";
import { emulated, keys } from "./emulated.ts";

const night = `name = "night"
[stage.measure]
run = "fn.ts#fn"
each = "1-10"
max-attempts = 1
stop-after = 0
[stage.total]
run = "fn.ts#quick"
each = "1"
after = "measure"
[stage.report]
run = "fn.ts#quick"
each = "1"
after = "total"
`;

test("a flow is a row that opens into its stages, and says why it does not go on", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write("night.toml", night);
  const posted = await cli.run("flow", "post", "night.toml");
  expect(posted.code).toBe(0);
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows(/▹1 ○ night 0\/3 .* waiting/);
  top.type(keys.enter);
  await top.shows(/▿1 ○ night.*\n.*1 {3}○ measure .*\n.*2 {3}○ total .* waiting +after measure/);
  await cli.drain();
  await top.shows(/▿1 ■ night 1\/3 .* blocked +total: 1 has/);
  await top.shows(/1 {3}✓ measure .*100% .* finished/);
  await top.shows(/3 {3}■ report .* blocked +1 has 2 failed jobs/);
  top.type("\u001b[D");
  await top.hides("report ");
  top.type("c");
  await top.shows("Cancel 2 stages of flow 1 (night) for good, with 2 jobs that have not ended?");
  top.type("y");
  await top.shows(/▹1 . night 3\/3 .* cancelled/);
  const once = await cli.run("top", "--once", "--json");
  expect(JSON.parse(once.out)).toMatchObject({
    postings: [
      { flow: { id: 1, name: "night", stage: "report" }, waitsFor: [{ posting: 2 }] },
      { flow: { stage: "total" }, isBlocked: false, isSkipped: false, skippedJobs: 0 },
      { flow: { stage: "measure" }, waitsFor: [] },
    ],
  });
  const text = await cli.run("top", "--once");
  expect(text.out).toMatch(/[▿-]1 . night 3\/3.*\n.* measure .*\n.* total .*\n.* report /);
});
