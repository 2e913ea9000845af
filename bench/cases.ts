import type { Case } from "./case.ts";
import { claimFlat } from "./cases/claim-flat.ts";
import { cluster, clusterLargest } from "./cases/cluster.ts";
import { commands } from "./cases/commands.ts";
import { distance } from "./cases/distance.ts";
import { drainKept } from "./cases/drain-kept.ts";
import { drain } from "./cases/drain.ts";
import { flowElements } from "./cases/flow-elements.ts";
import { footprint } from "./cases/footprint.ts";
import { hundredMillion } from "./cases/hundred-million.ts";
import { latency, latencyOlder } from "./cases/latency.ts";
import { memory } from "./cases/memory.ts";
import { observed } from "./cases/observed.ts";
import { oldSnapshotClaims } from "./cases/old-snapshot-claims.ts";
import { oldSnapshotPostings } from "./cases/old-snapshot-postings.ts";
import { oldSnapshot } from "./cases/old-snapshot.ts";
import { overhead } from "./cases/overhead.ts";
import { pools } from "./cases/pools.ts";
import { postFile } from "./cases/post-file.ts";
import { postBun, postNode } from "./cases/posting.ts";
import { realPools } from "./cases/real-pools.ts";
import { resources } from "./cases/resources.ts";
import { schedules } from "./cases/schedules.ts";
import { smallPostings } from "./cases/small-postings.ts";
import { stages } from "./cases/stages.ts";
import { start } from "./cases/start.ts";
import { sweep } from "./cases/sweep.ts";
import { tenMillion } from "./cases/ten-million.ts";
import { uneven } from "./cases/uneven.ts";

/** The table of targets, in its order. */
export const cases: readonly Case[] = [
  ...[postBun, postNode, postFile, sweep, drain, drainKept, smallPostings, flowElements],
  ...[latency, latencyOlder],
  ...[
    footprint,
    observed,
    oldSnapshot,
    oldSnapshotClaims,
    oldSnapshotPostings,
    claimFlat,
    pools,
    overhead,
    resources,
    uneven,
  ],
  ...[stages, schedules, memory, start, commands, tenMillion, hundredMillion],
  ...[cluster, clusterLargest, realPools, distance],
];
