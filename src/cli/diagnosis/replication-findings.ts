import type { Health } from "../../db/admin/health.ts";
import type { Replication } from "../../db/admin/replication.ts";
import { advice, type Finding } from "./finding.ts";

/** Patroni's default `ttl`: it replaces a dead primary after that at the latest. */
const patroniTtlMs = 30_000;

/** `timeline 3, 1 standby, synchronous replication`: for the first line of doctor. */
export function replicationText({ timeline, standbys, isSynchronous }: Replication): string {
  const way = isSynchronous ? "synchronous" : "asynchronous";
  return [
    ...(timeline === null ? [] : [`timeline ${timeline}`]),
    standbys === 0
      ? "no standby"
      : `${standbys} ${standbys === 1 ? "standby" : "standbys"}, ${way} replication`,
  ].join(", ");
}

export function replicationFindings(health: Health): Finding[] {
  const { replication, heartbeatTimeoutMs } = health;
  if (replication === null) return [];
  const { standbys, isSynchronous, isPatroni } = replication;
  const isShort = heartbeatTimeoutMs !== null && heartbeatTimeoutMs < patroniTtlMs;
  const found: (Finding | false)[] = [
    standbys > 0 &&
      !isSynchronous &&
      advice(
        "replication",
        "no commit waits for a standby, so a failover loses the newest postings and outcomes",
        "set synchronous_standby_names, or post with keys (docs/high-availability.md)",
      ),
    isSynchronous &&
      standbys === 0 &&
      advice(
        "replication",
        "commits wait for a standby, and none is connected: they may wait forever",
        "start the standby, or reset synchronous_standby_names",
      ),
    isPatroni &&
      isShort &&
      advice(
        "failover",
        `Patroni takes up to 30 s (ttl, by default) to replace a dead server, and pools stop ` +
          `their jobs after ${Math.round((heartbeatTimeoutMs ?? 0) * 0.8) / 1_000} s without it`,
        "for long jobs, start pools with --heartbeat-timeout 60s, or --on-database-lost finish",
      ),
  ];
  return found.filter((each) => each !== false);
}
