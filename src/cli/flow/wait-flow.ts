import { Command, Option } from "clipanion";
import * as v from "valibot";

import { watchPostings } from "../../db/read/posting-watch.ts";
import { readStages } from "../../db/read/flows.ts";
import { Bell } from "../../domain/bell.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import {
  flowState,
  isOver,
  stageState,
  type StageStatus,
  stateWithReason,
} from "../../domain/flow-status.ts";
import { jobStatuses } from "../../domain/states.ts";
import { type AwaitedPosting, WaitHints } from "../diagnosis/wait-hints.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { duration } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { reportFileOf, reportFlag, writeReport } from "../shell/report-writing.ts";
import { PostingProgress } from "../shell/job-progress.ts";
import { FlowIdentity } from "./flow-identity.ts";
import { findFlow, parseFlow } from "./flow-named.ts";

const Options = v.object({ timeout: v.optional(duration) });

export class FlowWaitCommand extends PdoflowCommand {
  static override paths = [["flow", "wait"]];
  static override usage = Command.Usage({
    description: "wait until nothing of a flow can go on",
    details: `
      Prints a line for each stage at the end. The exit code is 0 if all stages are done. It is 1 if
      jobs failed, or if stages are blocked or stopped: the line says what to do. It is 124 after
      --timeout, 130 after Ctrl-C and 143 after SIGTERM; the flow continues.
    `,
    examples: [["Wait for the newest flow of a name", "$0 flow wait @night --timeout 8h"]],
  });
  flow = Option.String({ name: "flow" });
  timeout = Option.String("--timeout", {
    description: "give up after this long, such as 10m (default: never)",
  });

  report = Option.String("--report", { description: reportFlag });

  async run(): Promise<ExitCode> {
    const report = reportFileOf(this, this.report);
    const { timeout } = parseFlags(Options, this);
    const pick = parseFlow(this.flow);
    const { id, identity } = await this.withDatabase(async (db) => {
      const { id, stages } = await findFlow(db, pick);
      const identity = new FlowIdentity(id);
      await identity.requireSame(db, stages);
      return { id, identity };
    });
    const stop = new AbortController();
    const offSignals = this.context.onStopSignal((signal) => stop.abort(signal));
    const timer = setTimeout(
      () => stop.abort("timeout"),
      Math.min(timeout ?? Infinity, 2 ** 31 - 1), // the longest timer: 24 days
    );
    const progress = new PostingProgress(this, "flow wait");
    const mark = this.json ? "" : "pdoflow flow wait: ";
    const hints = new WaitHints((line) => this.say(`${mark}${line}`));
    let last: StageStatus[] = [];
    try {
      await watchPostings({
        check: async (db) => {
          const stages = (await readStages(db, [id])).get(id) ?? [];
          await identity.requireSame(db, stages);
          last = stages;
          progress.show(jobsEnded(last));
          if (isOver(last)) return true;
          await hints.check(db, last.filter(({ waits }) => !waits).map(awaited));
          return undefined;
        },
        concerns: (posting) => posting === null || last.some((one) => one.id === posting),
        bell: new Bell(),
        signal: stop.signal,
        withDatabase: (work) => this.withDatabase(work),
      });
      progress.end();
      const code = this.#report(id, last, true);
      await writeReport(this, report, { postings: [], flows: [id] });
      return code;
    } catch (error) {
      progress.end();
      const by: unknown = stop.signal.aborted ? stop.signal.reason : null;
      if (by === null) throw error;
      this.say(`${mark}flow ${id} continues`);
      if (by === "timeout") {
        this.#report(id, last, false);
        if (report) await this.withDatabase((db) => identity.requireSame(db, last));
        await writeReport(this, report, { postings: [], flows: [id] });
        return exitCodes.timedOut;
      }
      return by === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
    } finally {
      clearTimeout(timer);
      offSignals();
    }
  }

  #report(id: number, stages: readonly StageStatus[], isAtEnd: boolean): ExitCode {
    const state = flowState(stages);
    if (this.json) {
      const hasEnded = stages.every(({ isEnded }) => isEnded);
      this.printJson(outputSchemas["flow wait"], {
        ...{ end: !isAtEnd ? "timed out" : hasEnded ? "ended" : "stuck", id, state },
        stages: stages.map((one) => ({
          ...{ stage: one.stage, posting: one.id, state: stageState(one), jobs: one.jobs },
        })),
      });
    } else for (const one of stages) this.say(sentence(one));
    return state === "done" ? exitCodes.ok : exitCodes.jobsFailed;
  }
}

const awaited = ({ id, state, isEnded, reason, waits, jobs }: StageStatus): AwaitedPosting => ({
  ...{ id, state, isEnded, reason, waits, ...jobs },
});

function jobsEnded(stages: readonly StageStatus[]) {
  const sum = { ended: 0, total: 0, failed: 0 };
  for (const { jobs, jobCount } of stages) {
    sum.ended += jobs.done + jobs.failed + jobs.cancelled;
    sum.total += jobCount;
    sum.failed += jobs.failed;
  }
  return sum;
}

/** "measure failed: 98 done, 2 failed; why: pdoflow failures 42; retry: …" */
function sentence(one: StageStatus): string {
  const parts = jobStatuses
    .filter((status) => one.jobs[status] > 0)
    .map((status) => `${one.jobs[status].toLocaleString("en")} ${status}`);
  const jobs = parts.join(", ") || "it has no jobs";
  return `${one.stage} ${stateWithReason(one)}: ${jobs}${remedy(one)}`;
}

function remedy(one: StageStatus): string {
  const { id } = one;
  switch (stageState(one)) {
    case "failed":
      return `; why: pdoflow failures ${id}; retry: pdoflow retry ${id} --failed`;
    case "stopped":
      return `; go on: pdoflow resume ${id}`;
    case "blocked":
      return `; run it anyway: pdoflow unblock ${id}`;
    default:
      return "";
  }
}
