import type { PoolHealth } from "../../db/admin/health.ts";
import { devicesText, dividedText } from "../../domain/shared-devices.ts";
import { advice, type Finding, problem } from "./finding.ts";

function silentPoolFinding({
  id,
  host,
  pid,
  role,
  beatAgoMs,
  leftMs,
}: PoolHealth["silentPools"][number]): Finding {
  const silent =
    `pool ${id} on ${host} (pid ${pid}, role ${role}) has sent no heartbeat for ` +
    `${Math.round(beatAgoMs / 1_000)} s`;
  if (leftMs <= 0) {
    return problem(
      "pools",
      `${silent}, and no other pool has rescued its jobs`,
      "start a pool, which rescues them at once: pdoflow pool",
    );
  }
  return advice(
    "pools",
    `${silent}, and keeps its jobs for another ${Math.round(leftMs / 1_000)} s`,
    `if it is gone, let other pools end it with: pdoflow drain ${id}`,
  );
}

function sharedDevicesFinding(shared: PoolHealth["sharedDevices"][number]): Finding {
  const { host, pools } = shared;
  return advice(
    shared.name,
    `pools ${pools.join(" and ")} on ${host} both offer ${devicesText(shared)}, so two jobs can ` +
      "get the same device",
    `unless these are different devices, give each pool its own: ${dividedText(shared)}`,
  );
}

/** Problems with pools, each with a remedy. */
export function poolFindings(health: PoolHealth): Finding[] {
  const found: (Finding | false)[] = [
    health.orphanedLeases > 0 &&
      problem(
        "leases",
        `${health.orphanedLeases} leases are active for pools that have ended`,
        "please report this bug: a rescue should have released them",
      ),
    health.openPostings > 0 &&
      health.poolsUp === 0 &&
      advice("pools", "postings are open and no pool is running", "start one: pdoflow pool"),
    health.passedBy.postings > 0 &&
      advice(
        "refusals",
        `pools refuse ${health.passedBy.postings} open postings, for example posting ` +
          `${health.passedBy.example}`,
        "give these pools the code or the key, or stop them with: pdoflow drain",
      ),
  ];
  return [
    ...health.silentPools.map(silentPoolFinding),
    ...health.sharedDevices.slice(0, 10).map(sharedDevicesFinding),
    ...found.filter((each) => each !== false),
  ];
}
