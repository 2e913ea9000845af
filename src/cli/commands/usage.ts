import { Command, Option } from "clipanion";
import * as v from "valibot";

import { bytes, span } from "../../../tui/draw/words.ts";
import type { Db } from "../../db/connection/connect.ts";
import {
  type PostingUsage,
  readPostingUsage,
  readUsageSums,
  usageGroups,
  type UsageSum,
} from "../../db/read/usage.ts";
import { formatNeed, isCommandNeed, type Needs } from "../../domain/capabilities.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { orList } from "../../domain/states.ts";
import {
  askedIn,
  coresOf,
  quantileOf,
  suggestedNeeds,
  totalUsage,
  type UsageTotals,
} from "../../domain/usage-advice.ts";
import { findFlow, parseFlow } from "../flow/flow-named.ts";
import { findWholePostings, readSelectors } from "../input/select.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { duration } from "../shell/flag-values.ts";

const Options = v.object({
  by: v.optional(v.picklist(usageGroups, `expected ${orList(usageGroups)}`)),
  since: v.optional(duration, "30d"),
});

export class UsageCommand extends PdoflowCommand {
  static override paths = [["usage"]];
  static override usage = Command.Usage({
    description: "show the CPU time, memory and bytes that jobs used",
    details: `
      Without an argument, shows the newest posting. Compares what all its attempts used with what
      its jobs asked for (\`post --needs cpus=4,mem=8G\`), or else with one cpu, and suggests
      \`--needs\`. Several postings, and the stages of a flow, have a total below them.

      With --by, adds up what the attempts of the last 30 days used, also those of postings that
      were pruned since. Posters see their own, viewers and operators all.
    `,
    examples: [
      ["Show how well the jobs of a posting used what they asked for", "$0 usage 42"],
      ["Compare the stages of a flow, and add them up", "$0 usage --flow @night"],
      ["Show who used how much in the last month", "$0 usage --by poster --since 30d"],
    ],
  });
  postings = Option.Rest({ name: "posting" });
  flow = Option.String("--flow", { description: "the postings of this flow" });
  by = Option.String("--by", {
    description: "add up over a time, by: poster or entry-point",
  });
  since = Option.String("--since", {
    description: "with --by, the time to add up, in full hours, at most 400d (default: 30d)",
  });

  async run() {
    const { by, since } = parseFlags(Options, this);
    const named = [this.postings.length > 0, this.flow !== undefined, by !== undefined];
    if (named.filter(Boolean).length > 1) {
      throw new InvalidInput("options", ["expected postings, or --flow, or --by, found several"]);
    }
    if (this.since !== undefined && by === undefined) {
      throw new InvalidInput("--since", ["expected --by together with --since"]);
    }
    const words = this.postings.length === 0 ? ["last"] : this.postings;
    const selectors = this.flow === undefined ? await readSelectors(words, this.context.stdin) : [];
    return await this.withDatabase(async (db) => {
      if (by !== undefined) {
        this.#showSums(await readUsageSums(db, by, since), by, since);
        return exitCodes.ok;
      }
      const ids =
        this.flow === undefined
          ? await findWholePostings(db, selectors)
          : await this.#stagesOf(db, this.flow);
      const rows = await readPostingUsage(db, ids);
      if (this.json) {
        const total = rows.length > 1 ? totalUsage(rows) : null;
        const postings = rows.map(documentOf);
        this.printJson(outputSchemas.usage, { by: null, postings, total, sums: [] });
      } else if (rows.length === 1) for (const row of rows) this.show(textOf(row));
      else this.#showPostings(rows);
      return exitCodes.ok;
    });
  }

  async #stagesOf(db: Db, flow: string): Promise<number[]> {
    return (await findFlow(db, parseFlow(flow))).stages.map(({ id }) => id);
  }

  #showPostings(rows: readonly PostingUsage[]): void {
    this.printTable(
      ["posting", "entry point", ...columns, "suggestion"],
      [
        ...rows.map((row) => [
          row.postingId,
          row.entryPoint,
          ...cellsOf(row, efficiencyOf(row)),
          suggestionOf(row) ?? "-",
        ]),
        ...(rows.length > 1 ? [totalCells(rows)] : []),
      ],
    );
  }

  #showSums(rows: readonly UsageSum[], by: (typeof usageGroups)[number], sinceMs: number): void {
    if (this.json) {
      const sums = rows.map((row) => ({ ...row, cores: coresOf(row) }));
      this.printJson(outputSchemas.usage, { by, postings: [], total: null, sums });
      return;
    }
    if (rows.length === 0) return this.say(`no attempt has ended in the last ${span(sinceMs)}`);
    const nameOf = ({ poster, posterOs, entryPoint }: UsageSum) =>
      poster === null ? [entryPoint ?? ""] : [poster, posterOs ?? ""];
    this.printTable(
      [...(by === "poster" ? ["poster", "OS user"] : ["entry point"]), ...columns],
      rows.map((row) => [...nameOf(row), ...cellsOf(row, coresOf(row))]),
    );
  }
}

const columns = ["attempts", "time", "CPU", "efficiency", "memory", "read", "written"];

/** The cores that were used, as a share of the cpus that the jobs asked for. */
function efficiencyOf(row: PostingUsage): number | null {
  const cores = coresOf(row);
  return cores === null ? null : cores / askedIn(row.needs).cpus;
}

function totalCells(rows: readonly PostingUsage[]): (string | number)[] {
  const total = totalUsage(rows);
  return ["total", "", ...cellsOf(total, total.efficiency), ""];
}

function cellsOf(
  row: Omit<UsageTotals, "measured">,
  efficiency: number | null,
): (string | number)[] {
  return [
    row.attempts,
    span(row.wallMs),
    efficiency === null ? "-" : span(cpuOf(row)),
    efficiency === null ? "-" : percentText(efficiency),
    sizeOf(row.peakBytes),
    sizeOf(row.readBytes),
    sizeOf(row.writtenBytes),
  ];
}

const cpuOf = ({ cpuUserMs, cpuSystemMs }: Pick<UsageTotals, "cpuUserMs" | "cpuSystemMs">) =>
  (cpuUserMs ?? 0) + (cpuSystemMs ?? 0);
const sizeOf = (size: number | null) => (size === null ? "-" : bytes(size));
const percentText = (share: number) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** The usage of one posting: a line for each resource. */
function textOf(row: PostingUsage): string {
  const { postingId, entryPoint, needs, attempts, measured, wallMs } = row;
  const asked = askedIn(needs);
  const cores = coresOf(row);
  const unmeasured = attempts - measured;
  const wanted = needs.filter((need) => !isCommandNeed(need));
  const lines: [name: string, text: string | null][] = [
    ["attempts", `${pluralize(attempts, "attempt")} took ${span(wallMs)} in all`],
    ["not measured", unmeasured === 0 ? null : pluralize(unmeasured, "attempt")],
    ["CPU", cores === null ? "not measured" : cpuText(row, cores, asked.cpus)],
    ["memory", row.peakBytes === null ? "not measured" : memoryText(row, asked.memBytes)],
    ["read", row.readBytes === null ? "not measured" : bytes(row.readBytes)],
    ["written", row.writtenBytes === null ? "not measured" : bytes(row.writtenBytes)],
    ["asked for", wanted.length === 0 ? "nothing: 1 cpu" : wanted.map(formatNeed).join(",")],
    ["suggestion", suggestionOf(row)],
  ];
  const shown = lines.flatMap(([name, text]) =>
    text === null ? [] : `  ${name.padEnd(12)}  ${text}`,
  );
  return [`posting ${postingId}: ${entryPoint}`, ...shown].join("\n");
}

function cpuText(row: PostingUsage, cores: number, cpus: number): string {
  const { cpuUserMs, cpuSystemMs } = row;
  const parts = `${span(cpuUserMs ?? 0)} user, ${span(cpuSystemMs ?? 0)} system`;
  return (
    `${span(cpuOf(row))} (${parts}): ${cores.toFixed(2)} of ${pluralize(cpus, "cpu")}, ` +
    `efficiency ${percentText(cores / cpus)}`
  );
}

function memoryText({ peakBytes, peaks }: PostingUsage, memBytes: number | null): string {
  const peak = `largest peak ${bytes(peakBytes ?? 0)}`;
  const of =
    memBytes === null
      ? ""
      : ` of ${bytes(memBytes)}, efficiency ${percentText((peakBytes ?? 0) / memBytes)}`;
  const half = quantileOf(peaks, 0.5);
  if (half === null) return peak + of;
  return `${peak}${of}; half of the attempts up to ${bytes(Math.min(half, peakBytes ?? half))}`;
}

const suggestedOf = (row: PostingUsage): Needs | null => suggestedNeeds(row, row.cores, row.needs);

const suggestionOf = (row: PostingUsage): string | null => {
  const needs = suggestedOf(row);
  return needs && `--needs ${needs.map(formatNeed).join(",")}`;
};

const documentOf = (row: PostingUsage) => {
  const asked = askedIn(row.needs);
  return {
    ...row,
    peaks: [...row.peaks],
    cores: [...row.cores],
    needs: row.needs.map(formatNeed),
    asked,
    coresUsed: coresOf(row),
    suggestedNeeds: suggestedOf(row)?.map(formatNeed) ?? null,
  };
};
