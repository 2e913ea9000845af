import { Command } from "clipanion";

import { readHealth } from "../../db/admin/health.ts";
import { migrate, pendingMigrations } from "../../db/admin/migrations.ts";
import { openDatabase } from "../../db/connection/open.ts";
import { describeTarget } from "../../db/settings/target.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import type { Finding } from "../diagnosis/finding.ts";
import { findingsOf } from "../diagnosis/findings.ts";
import { replicationText } from "../diagnosis/replication-findings.ts";
import { poolsText } from "../diagnosis/version-findings.ts";
import { build } from "../../version.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class DoctorCommand extends PdoflowCommand {
  static override paths = [["doctor"]];
  static override usage = Command.Usage({
    description: "check the server and the queue, and suggest a remedy for each problem",
    details: `
      Checks the server's version, settings and disk, the schema and this role's privileges, dead
      rows and the transactions that keep them, clocks, connections, replication, pools, schedules
      and notifications. To check the disk, it writes 16 MiB to a temporary table and rolls back;
      nothing changes. The exit code is 1 if there is a problem, and 0 if there is only advice.
    `,
    examples: [["Check the server and the queue", "$0 doctor"]],
  });

  async run() {
    const target = await this.target();
    return await this.explaining(target, async () => {
      await using db = await openDatabase(target, { connections: 1 });
      if (target.isEmbedded && (await pendingMigrations(db)).length > 0) await migrate(db);
      const health = await readHealth(db, Date.now);
      const findings = findingsOf(health, build);
      const server = versionText(health.serverVersion);
      const { roundTripMs, clockSkewMs } = health;
      if (this.json) {
        const database = describeTarget(target);
        this.printJson(outputSchemas.doctor, {
          server,
          database,
          roundTripMs,
          clockSkewMs,
          schemaVersion: health.schema.version,
          poolVersions: [...health.poolVersions],
          findings,
        });
      } else {
        const answer = `answers in ${roundTripMs.toFixed(1)} ms`;
        this.say(`PostgreSQL ${server}, ${describeTarget(target)}, ${answer}`);
        if (health.replication) this.say(replicationText(health.replication));
        if (health.poolVersions.length > 0) {
          const { version } = health.schema;
          this.say(`schema version ${version}; live: ${poolsText(health.poolVersions)}`);
        }
        for (const finding of findings) this.#show(finding);
        if (findings.length === 0) this.print("no problems found");
      }
      const hasProblem = findings.some(({ kind }) => kind === "problem");
      return hasProblem ? exitCodes.jobsFailed : exitCodes.ok;
    });
  }

  #show({ kind, about, found, remedy }: Finding): void {
    const paint = this.paint("stdout");
    const mark = kind === "problem" ? paint("red", "problem") : paint("yellow", "advice");
    this.show(`${mark}: ${about}: ${found}\n  ${remedy}`);
  }
}

/** 180004 is "18.4". */
const versionText = (version: number): string =>
  `${Math.floor(version / 10_000)}.${version % 10_000}`;
