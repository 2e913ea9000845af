import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import { describeTarget } from "../db/settings.ts";
import { parseProvides } from "../domain/capabilities.ts";
import { exitCodes } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { Pool } from "../pool/pool.ts";
import { build } from "../version.ts";
import { PdoflowCommand } from "./command.ts";
import { byteSize, duration, wholeNumber } from "./numbers.ts";

const Options = v.object({
  maxWorkers: v.optional(wholeNumber(1, 1024)),
  rescueAfter: v.optional(
    v.pipe(duration, v.minValue(2_000, "expected at least 2s, for heartbeats may come late")),
    "15s",
  ),
  recycleAfter: v.optional(wholeNumber(1, 1_000_000_000)),
  recycleAbove: v.optional(byteSize),
  idleTimeout: v.optional(duration),
  lifetime: v.optional(duration),
  grace: v.optional(duration),
});

export class PoolCommand extends PdoflowCommand {
  static override paths = [["pool"]];
  static override usage = Command.Usage({
    description: "run jobs in worker processes on this machine",
    details: `
      Claims jobs of all postings and runs them in up to --max-workers processes, each of which
      imports the entry point once. SIGTERM or SIGINT: jobs that run are finished, all others are
      given back, exit code 0. A second signal kills; the jobs that ran are given back too.

      With --once it ends when nothing is left to run, with exit code 1 where a job that it ran has
      failed for good, or a posting was stopped because its jobs only failed.
    `,
    examples: [
      ["Run jobs until it is stopped", "$0 pool --max-workers 16"],
      ["Run what is there, then end", "$0 pool --once"],
    ],
  });
  maxWorkers = Option.String("--max-workers", {
    description: "how many jobs to run at a time; by default the number of cores",
  });
  root = Option.String("--root", {
    description: "the folder that entry points are relative to; by default the current one",
  });
  provides = Option.String("--provides", {
    description: "what this machine has for jobs that need it, such as gpu,mem=64G",
  });
  onlyMine = Option.Boolean("--only-mine", false, {
    description: "run only jobs that this role and this user of the operating system have posted",
  });
  posters = Option.String("--posters", {
    description: "run only jobs of these database roles or users, such as ann,bob",
  });
  rescueAfter = Option.String("--rescue-after", {
    description: "without a heartbeat for so long, its jobs go to other pools; by default 15s",
  });
  recycleAfter = Option.String("--recycle-after", {
    description: "replace a worker after so many jobs; by default never",
  });
  recycleAbove = Option.String("--recycle-above", {
    description: "replace a worker, between two jobs, that uses more memory than this, such as 2G",
  });
  reload = Option.Boolean("--reload", false, {
    description: "between two postings, replace the workers where the code has changed",
  });
  idleTimeout = Option.String("--idle-timeout", {
    description: "end when there was nothing to run for so long; by default never",
  });
  lifetime = Option.String("--lifetime", {
    description: "end after so long, and take no job that can't be expected to end before",
  });
  grace = Option.String("--grace", {
    description:
      "when it ends, how long jobs that run have before they are killed; by default for ever",
  });
  once = Option.Boolean("--once", false, { description: "end when nothing is left to run" });

  /** Whose jobs it runs; null for everybody's. */
  #posters(role: string): string[] | null {
    if (this.onlyMine) return [`${role}/${this.context.osUser()}`];
    return this.posters === undefined ? null : this.posters.split(",").map((name) => name.trim());
  }

  async run() {
    const { context } = this;
    const options = parse(Options, this, "options of pool");
    const { maxWorkers = context.cores } = options;
    const root = resolve(context.cwd, this.root ?? ".");
    // The pool opens its own connections; this one makes sure of the schema.
    const target = await this.withDatabase(async (db) => db.target);
    return await this.explaining(target, async () => {
      const pool = await Pool.start(target, {
        host: context.host,
        pid: context.pid,
        version: build,
        osUser: context.osUser(),
        maxWorkers,
        provides: this.provides === undefined ? {} : parseProvides(this.provides),
        posters: this.#posters(target.user),
        patienceMs: options.rescueAfter,
        idleTimeoutMs: options.idleTimeout ?? null,
        lifetimeMs: options.lifetime ?? null,
        graceMs: options.grace ?? null,
        once: this.once,
        log: (line) => this.say(`pool: ${line}`),
        reloads: this.reload,
        worker: {
          ...{ program: context.program, root, env: context.env },
          jobsMax: options.recycleAfter ?? null,
          memoryMaxBytes: options.recycleAbove ?? null,
        },
      });
      this.say(`pool: ${maxWorkers} workers, root ${root}, ${describeTarget(target)}`);
      let signals = 0;
      const ignore = context.onStopSignal((signal) => {
        if (++signals > 1) return pool.kill();
        pool.drain(`${signal}, once more kills`);
      });
      try {
        const { done, failed, retried, refused, gaveBack, stopped } = await pool.finished();
        this.say(
          `pool: ended: ${done} done, ${failed} failed, ${retried} failed attempts to be tried ` +
            `again, ${gaveBack} given back${refused > 0 ? `, ${refused} refused` : ""}`,
        );
        return this.once && failed + stopped > 0 ? exitCodes.jobsFailed : exitCodes.ok;
      } finally {
        ignore();
      }
    });
  }
}
