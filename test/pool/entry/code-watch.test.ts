import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CodeWatch } from "../../../src/pool/entry/code-watch.ts";
import type { JobRun } from "../../../src/pool/wire/leased-job.ts";
import { until } from "../../binary/cli.ts";

const run: JobRun = {
  ...{ leaseId: 1, runningLimit: null, attempt: 1, startBy: null, firstSeq: 0, count: 1 },
  indexes: null,
  posting: {
    ...{ id: 1, routeId: 1, entryPoint: "a.ts#f", jobCount: 1, hasFailureLimit: false },
    ...{
      hasRate: false,
      isSorted: false,
      upstream: null,
      schedule: null,
      traceparent: null,
      maxResultBytes: null,
      maxOutputBytes: null,
    },
    ...{ maxAttempts: 3, backoffMs: 0, timeoutMs: null, graceMs: 0, stopAfter: 0 },
    ...{ keepsResults: true, keepsOutput: "none" },
  },
};

test("a change that is found while jobs are claimed is reported once, when they have been", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-watch-"));
  try {
    writeFileSync(join(folder, "a.ts"), "export const f = 1;");
    const watch = new CodeWatch(folder, { reloads: true });
    expect(await watch.hasChanged([run])).toBe(false);
    writeFileSync(join(folder, "a.ts"), "export const f = 20;");
    await until("the change to be found", async () => {
      watch.begin(); // not more often than files take to be checked
      await Bun.file(join(folder, "a.ts")).text();
      return await watch.hasChanged([run]);
    });
    watch.begin();
    expect(await watch.hasChanged([run])).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
