import type { Case } from "../case.ts";
import { spreadOf } from "../measure.ts";
import { megabytes, openRig, workersOf } from "../rig.ts";

const workers = 16;

export const memory: Case = {
  name: "memory",
  what: "memory of the parent of 16 workers, and of a worker whose code is a few lines",
  target: "under 120 MB; under 60 MB",
  async run(bench) {
    const rounds = bench.rounds(3, 1);
    const found = { parentPss: [], parentRss: [], workerPss: [], workerRss: [] } as Found;
    for (let round = 1; round <= rounds; round++) {
      await using rig = await openRig(bench.server, 1, workers);
      await rig.run(
        "sleep",
        Array.from({ length: 20 * workers }, () => [20]),
      );
      const [parent = 0] = rig.pids;
      const children = workersOf(parent);
      if (children.length !== workers) {
        throw new Error(`expected ${workers} workers, found ${children.length}`);
      }
      const of = (field: string) => children.map((pid) => megabytes(pid, "smaps_rollup", field));
      found.parentPss.push(megabytes(parent, "smaps_rollup", "Pss"));
      found.parentRss.push(megabytes(parent, "smaps_rollup", "Rss"));
      found.workerPss.push(spreadOf(of("Pss")).max);
      found.workerRss.push(spreadOf(of("Rss")).max);
    }
    return {
      sizes: { workers, rounds },
      series: [
        { name: "parent, Pss", unit: "MB", values: found.parentPss },
        { name: "largest worker, Pss", unit: "MB", values: found.workerPss },
      ],
      checks: [
        {
          ...{ name: "parent, Rss", unit: "MB", bound: { below: 120 } },
          values: found.parentRss,
        },
        {
          ...{ name: "largest worker, Rss", unit: "MB", bound: { below: 60 } },
          values: found.workerRss,
        },
      ],
      notes: [
        "Rss counts the pages of the program, which all processes share, whole for each of them",
        "Pss counts a page that n processes share as an nth; measured just after 320 short jobs",
      ],
    };
  },
};

interface Found {
  parentPss: number[];
  parentRss: number[];
  workerPss: number[];
  workerRss: number[];
}
