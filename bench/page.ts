// Writes the figures of docs/performance.md, docs/scale.md and bench/NOTES.md, and the plots, from
// bench/results: npm run docs.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { commandTable } from "./command-table.ts";
import { comparisons, comparisonTable } from "./comparison.ts";
import { expectationTable } from "./expectations.ts";
import { spreadOf } from "./measure.ts";
import { plot } from "./plot.ts";
import { boundText, type Check, figure, type Report, verdictOf } from "./result.ts";
import {
  clusterTable,
  processTable,
  scaleConditions,
  scalePlot,
  scaleResults,
  simulationTable,
} from "./scale-page.ts";

const root = join(import.meta.dir, "..");
const begin = "<!-- from bench/results -->";
const beginExpectations = "<!-- from bench/results: what to expect -->";
const beginConditions = "<!-- from bench/results: conditions -->";
const beginSimulation = "<!-- from bench/results: simulation -->";
const beginProcesses = "<!-- from bench/results: processes -->";
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
  const figures = {
    [begin]: comparisonTable(compared),
    [beginExpectations]: expectationTable(reports),
  };
  const commands = commandTable(reports);
  const fiveTasks = join(root, "docs/five-tasks.md");
  return {
    ...(commands === null ? {} : { [fiveTasks]: withFigures(fiveTasks, { [begin]: commands }) }),
    [performance]: withFigures(performance, figures),
    [notes]: withFigures(notes, { [begin]: table(reports) }),
    [join(root, "docs/performance.svg")]: plot(compared),
    ...scalePages(reports),
  };
}

function scalePages(reports: readonly Report[]): Record<string, string> {
  const results = scaleResults(reports);
  if (results === null) return {};
  const page = join(root, "docs/scale.md");
  const figures = {
    [beginConditions]: scaleConditions(results),
    [begin]: clusterTable(results),
    [beginSimulation]: simulationTable(results),
    [beginProcesses]: processTable(results),
  };
  return {
    [page]: withFigures(page, figures),
    [join(root, "docs/scale.svg")]: scalePlot(results),
  };
}

/** The text of a page, with new figures after each of some comments, up to the next end. */
function withFigures(page: string, figures: Readonly<Record<string, string>>): string {
  let text = readFileSync(page, "utf8");
  for (const [comment, lines] of Object.entries(figures)) {
    const from = text.indexOf(`${comment}\n`);
    const to = text.indexOf(end, from);
    if (from === -1 || to === -1) throw new Error(`expected ${comment} and ${end} in ${page}`);
    text = `${text.slice(0, from)}${comment}\n\n${lines}\n${text.slice(to)}`;
  }
  return text;
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
