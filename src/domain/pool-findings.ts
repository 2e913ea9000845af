import { advice, type Finding, problem } from "./finding.ts";

/** What is looked at of pools, and of what they hold. Times are in ms. */
export interface PoolHealth {
  /** Pools that should be up and are not heard of; `leftMs` until others may rescue from them. */
  silentPools: readonly {
    id: number;
    host: string;
    pid: number;
    role: string;
    beatAgoMs: number;
    leftMs: number;
  }[];
  poolsUp: number;
  /** Versions of the pools that are up. */
  poolVersions: readonly string[];
  /** Leases that are held for a pool that is gone. */
  orphanedLeases: number;
  openPostings: number;
  /** Open postings that a pool which is up does not run, and one of them with the reason. */
  passedBy: { postings: number; example: string | null };
}

function silentPoolFinding({
  id,
  host,
  pid,
  role,
  beatAgoMs,
  leftMs,
}: PoolHealth["silentPools"][number]): Finding {
  const silent =
    `pool ${id} on ${host} (pid ${pid}, of the role ${role}) has not been heard of for ` +
    `${Math.round(beatAgoMs / 1_000)} s`;
  if (leftMs <= 0) {
    return problem(
      "pools",
      `${silent}, and no other pool has rescued its jobs`,
      "start a pool, which does so at once: pdoflow pool",
    );
  }
  return advice(
    "pools",
    `${silent}, and keeps the jobs that it holds for ${Math.round(leftMs / 1_000)} s more`,
    `if it is gone, or never was a pool, let the others end it: pdoflow drain ${id}`,
  );
}

/** What is wrong with pools, each with what to do about it. */
export function poolFindings(health: PoolHealth, version: string): Finding[] {
  const others = health.poolVersions.filter((each) => each !== version);
  const found: (Finding | false)[] = [
    health.orphanedLeases > 0 &&
      problem(
        "leases",
        `${health.orphanedLeases} leases are held for pools that are gone`,
        "report it: a rescue should have let go of them",
      ),
    health.openPostings > 0 &&
      health.poolsUp === 0 &&
      advice("pools", "postings are open and no pool runs", "start one: pdoflow pool"),
    health.passedBy.postings > 0 &&
      advice(
        "refusals",
        `pools pass by ${health.passedBy.postings} open postings, such as posting ` +
          `${health.passedBy.example}`,
        "give these pools the code or the key, or end them: pdoflow drain",
      ),
    others.length > 0 &&
      advice(
        "versions",
        `pools of other versions run: ${others.join(", ")}`,
        "restart them when it suits: pdoflow drain, then pdoflow pool",
      ),
  ];
  return [...health.silentPools.map(silentPoolFinding), ...found.filter((each) => each !== false)];
}
