// Writes the figures of docs/performance.md and bench/NOTES.md, and the plot, from bench/results:
// npm run docs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { comparisons, comparisonTable } from "./comparison.ts";
import { spreadOf } from "./measure.ts";
import { plot } from "./plot.ts";
import { boundText, type Check, figure, type Report, verdictOf } from "./result.ts";

const root = join(import.meta.dir, "..");
const begin = "<!-- from bench/results -->";
const end = "<!-- end -->";

/** The reports that are kept, in the order of their names. */
export function readReports(): Report[] {
  const folder = join(import.meta.dir, "results");
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  if (names.length === 0) throw new Error("expected results in bench/results, found none");
  return names.sort().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Report);
}

/** The files that follow from the reports, by their paths, with their texts. */
export function pages(reports: readonly Report[]): Record<string, string> {
  const compared = comparisons(reports);
  const performance = join(root, "docs/performance.md");
  const notes = join(root, "bench/NOTES.md");
  return {
    [performance]: withFigures(performance, comparisonTable(compared)),
    [notes]: withFigures(notes, table(reports)),
    [join(root, "docs/performance.svg")]: plot(compared),
  };
}

/** The text of a page, with new figures between its two comments. */
function withFigures(page: string, figures: string): string {
  const text = readFileSync(page, "utf8");
  const [before] = text.split(begin);
  const [, after] = text.split(end);
  if (before === undefined || after === undefined) {
    throw new Error(`expected ${begin} and ${end} in ${page}`);
  }
  return `${before}${begin}\n\n${figures}\n${end}${after}`;
}

function table(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ cases }) =>
    cases.flatMap(({ name, checks, failure }) =>
      failure === null
        ? checks.map((check) => row(name, check))
        : [`| ${name} | failed: ${failure} | | | |`],
    ),
  );
  return [
    ...reports.map(conditions),
    "",
    "| case | figure | median | least to most | target |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function row(name: string, check: Check): string {
  const { median, min, max } = spreadOf(check.values);
  const verdict = verdictOf(check);
  const target = verdict === "reported" ? "only reported" : `${boundText(check)}: **${verdict}**`;
  const spread = `${figure(min, check.unit)} to ${figure(max, check.unit)}`;
  return `| ${name} | ${check.name} | ${figure(median, check.unit)} | ${spread} | ${target} |`;
}

function conditions({ madeAt, machine, versions, server }: Report): string {
  const list = (pairs: Readonly<Record<string, string>>) =>
    Object.entries(pairs)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  return `- ${madeAt.slice(0, 16)}: ${list(machine)}; ${list(versions)}; ${list(server)}.`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(pages(readReports()))) writeFileSync(path, text);
}
