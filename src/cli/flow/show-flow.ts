import { Command, Option } from "clipanion";

import { bar } from "../../../tui/draw/pace.ts";
import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import { mermaidText } from "../../domain/flow-mermaid.ts";
import {
  flowState,
  stageState,
  type StageState,
  type StageStatus,
} from "../../domain/flow-status.ts";
import type { Color } from "../output/color.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { cutTo } from "../output/table.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { localText } from "../../domain/local-time.ts";
import { graphOf } from "../../domain/stage-graph.ts";
import { findFlow, type FoundFlow, parseFlow } from "./flow-named.ts";
import { graphLines } from "./graph-lines.ts";

export class FlowShowCommand extends PdoflowCommand {
  static override paths = [["flow", "show"]];
  static override usage = Command.Usage({
    description: "show the stages of a flow",
    details: `
      Shows a line for each stage: its place in the graph, its posting, its state, the share of its
      jobs that have ended, and why it waits. Of a flow that a schedule posted, also the schedule.
    `,
    examples: [
      ["Show the newest flow", "$0 flow show last"],
      ["Draw the graph of a flow in a document", "$0 flow show @night --mermaid"],
    ],
  });
  flow = Option.String({ name: "flow" });
  mermaid = Option.Boolean("--mermaid", false, {
    description: "print the graph as a Mermaid diagram",
  });

  async run(): Promise<ExitCode> {
    const pick = parseFlow(this.flow);
    const flow = await this.withDatabase((db) => findFlow(db, pick));
    if (this.json) this.#printJson(flow);
    else if (this.mermaid) this.show(mermaidOf(flow));
    else this.#show(flow);
    return exitCodes.ok;
  }

  #printJson({ stages, ...flow }: FoundFlow): void {
    const nameOf = (id: number) => stages.find((one) => one.id === id)?.stage ?? null;
    this.printJson(outputSchemas["flow show"], {
      ...{ ...flow, state: flowState(stages) },
      stages: stages.map((one) => ({
        ...{ stage: one.stage, posting: one.id, entryPoint: one.entryPoint },
        ...{ state: stageState(one), reason: one.reason },
        blockedBy: one.obstacles.map(({ reason }) => reason),
        waitsFor: one.edges.map(({ upstreamId, kind, isMet }) => ({
          ...{ posting: upstreamId, stage: nameOf(upstreamId), kind, isMet },
        })),
        ...{ jobCount: one.jobCount, jobs: one.jobs },
      })),
    });
  }

  #show(flow: FoundFlow): void {
    const { id, name, stages, schedule, scheduledAt } = flow;
    const paint = this.paint("stdout");
    const done = stages.filter((one) => stageState(one) === "done").length;
    const state = flowState(stages);
    const all = pluralize(stages.length, "stage");
    const head = `flow ${id} ${name}: ${state}, ${done} of ${all} done`;
    const byName = new Map(stages.map((one) => [one.stage, one]));
    const marks = (stage: string) => markOf(byName.get(stage));
    const graph = graphLines(graphOf(flow), marks);
    const { isTerminal, columns, env } = this.context;
    const width = isTerminal.stdout ? Number(env["COLUMNS"]) || columns || 80 : null;
    const idWidth = Math.max(...stages.map((one) => String(one.id).length));
    this.show(paint("bold", head));
    for (const [i, one] of stages.entries()) {
      const state = stageState(one);
      const share = endedShare(one);
      const start = `${graph[i]}  ${String(one.id).padStart(idWidth)}  `;
      const progress = `${bar(share, 10)} ${String(Math.floor(100 * share)).padStart(3)}%`;
      const rest = `  ${progress}  ${detailOf(one, stages)}`;
      const room = width === null ? null : width - Bun.stringWidth(start) - 9;
      const color = stageColor(state);
      const word = state.padEnd(9);
      this.show(
        start +
          (color ? paint(color, word) : word) +
          (room === null ? rest : cutTo(rest, room)).trimEnd(),
      );
    }
    if (schedule !== null && scheduledAt !== null) {
      this.say(`posted by the schedule ${schedule} for ${localText(scheduledAt)}`);
    }
  }
}

function endedShare({ jobs, jobCount, isEnded }: StageStatus): number {
  if (jobCount === 0) return Number(isEnded); // its list is not there yet, or is empty
  return (jobs.done + jobs.failed + jobs.cancelled) / jobCount;
}

/** What a person wants to know about a stage: its jobs, and why it does not go on. */
function detailOf(one: StageStatus, stages: readonly StageStatus[]): string {
  const { jobs, jobCount, obstacles, reason } = one;
  const counts = [
    pluralize(jobCount, "job"),
    ...(["failed", "cancelled", "running", "retrying"] as const)
      .filter((status) => jobs[status] > 0)
      .map((status) => `${jobs[status].toLocaleString("en")} ${status}`),
  ].join(", ");
  const state = stageState(one);
  if (state === "waiting") return `${counts}; for ${waitedFor(one, stages)}`;
  if (state === "blocked" || state === "skipped") {
    return `${obstacles.map((each) => each.reason).join("; ")}; ${counts}`;
  }
  return state === "stopped" || state === "paused" ? `${reason ?? "by hand"}; ${counts}` : counts;
}

function waitedFor({ edges }: StageStatus, stages: readonly StageStatus[]): string {
  const names = edges
    .filter(({ isMet }) => !isMet)
    .map(({ upstreamId }) => stages.find(({ id }) => id === upstreamId)?.stage ?? `${upstreamId}`);
  return [...new Set(names)].join(", ") || "its upstreams";
}

function markOf(one: StageStatus | undefined): string {
  const state = one ? stageState(one) : "waiting";
  if (["failed", "blocked", "stopped"].includes(state)) return "✗";
  if (state === "done" || state === "cancelled") return "●";
  return state === "running" ? "◉" : "○";
}

function stageColor(state: StageState): Color | null {
  if (["failed", "blocked", "stopped"].includes(state)) return "red";
  if (state === "paused") return "yellow";
  if (state === "running") return "cyan";
  return state === "done" ? "green" : ["cancelled", "skipped"].includes(state) ? "dim" : null;
}

function mermaidOf(flow: FoundFlow): string {
  const byName = new Map(flow.stages.map((one) => [one.stage, one]));
  return mermaidText(graphOf(flow), (name) => {
    const one = byName.get(name);
    return one ? `${name}\n${pluralize(one.jobCount, "job")}, ${stageState(one)}` : name;
  });
}
