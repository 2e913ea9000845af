import { coresChart, memoryChart } from "../chart/usage.ts";
import type { PostingFigures, ReportFigures, UsageFigures } from "../figures.ts";
import { type Content, html } from "../html.ts";
import { counted, durationText, numberText, percentText, sizeText, workText } from "../text.ts";
import { pairs } from "./posting-sections.ts";
import { type ReportColumn, table } from "./table.ts";

/** What attempts used of the processor and of memory, against what their jobs asked for. */
export function usageSection({ postings }: ReportFigures): Content {
  const measured = postings.flatMap((posting) =>
    posting.usage === null || posting.usage.measured === 0
      ? []
      : [{ posting, usage: posting.usage }],
  );
  const [only, other] = measured;
  if (!only) return null;
  return html`<h2>What it used</h2>
    ${other ? usageTable(measured) : onePosting(only.usage)}`;
}

function onePosting(usage: UsageFigures): Content {
  const { cpuUserMs, cpuSystemMs, cores, asked, peakBytes, attempts, measured } = usage;
  const cpu = (cpuUserMs ?? 0) + (cpuSystemMs ?? 0);
  const parts = `${durationText(cpuUserMs ?? 0)} user, ${durationText(cpuSystemMs ?? 0)} system`;
  const rows: (readonly [string, Content])[] = [
    ["CPU time", `${workText(cpu)} (${parts})`],
    ...(cores === null ? [] : [["Cores used", coresText(cores, asked.cpus)] as const]),
    ...(peakBytes === null ? [] : [["Memory", memoryText(peakBytes, asked.memBytes)] as const]),
    ["Read, written", `${sizeOf(usage.readBytes)}, ${sizeOf(usage.writtenBytes)}`],
    ...(usage.suggestedNeeds === null
      ? []
      : [["Suggestion", html`<code>--needs ${usage.suggestedNeeds}</code>`] as const]),
    ...(measured === attempts
      ? []
      : [["Not measured", counted(attempts - measured, "attempt")] as const]),
  ];
  const hasPeaks = usage.peaks.some(({ weight }) => weight > 0);
  const hasCores = usage.coreSteps.some(({ weight }) => weight > 0);
  return [
    pairs(rows),
    hasPeaks
      ? html`<h3>Attempts by their peak of memory</h3>
          <figure>${memoryChart(usage.peaks, asked.memBytes)}</figure>`
      : null,
    hasCores
      ? html`<h3>Time by the cores that attempts used</h3>
          <figure>${coresChart(usage.coreSteps, asked.cpus)}</figure>
          <p class="note">Of attempts that took 50 ms or longer.</p>`
      : null,
  ];
}

const coresText = (cores: number, cpus: number): string =>
  `${cores.toFixed(2)} of ${counted(cpus, "cpu")} on average, ${efficiency(cores, cpus)}`;

const efficiency = (used: number, asked: number): string =>
  `efficiency ${percentText(used, asked)}`;

const memoryText = (peak: number, asked: number | null): string =>
  asked === null
    ? `largest peak ${sizeText(peak)}; the jobs did not ask for memory`
    : `largest peak ${sizeText(peak)} of ${sizeText(asked)}, ${efficiency(peak, asked)}`;

const sizeOf = (bytes: number | null): string => (bytes === null ? "–" : sizeText(bytes));

const mostRows = 200;

interface MeasuredPosting {
  posting: PostingFigures;
  usage: UsageFigures;
}

function usageTable(measured: readonly MeasuredPosting[]): Content {
  return html`${table(usageColumns, measured.slice(0, mostRows))}
    <p class="note">
      Cores and memory against what the jobs asked for with --needs; without it, one cpu.
    </p>`;
}

const usageColumns: readonly ReportColumn<MeasuredPosting>[] = [
  { name: "posting", kind: "number", cell: ({ posting }) => posting.id },
  { name: "name", kind: "text", cell: ({ posting }) => posting.stage ?? posting.name ?? "–" },
  {
    name: "CPU time",
    kind: "number",
    cell: ({ usage }) => workText((usage.cpuUserMs ?? 0) + (usage.cpuSystemMs ?? 0)),
  },
  {
    name: "cores used",
    kind: "number",
    cell: ({ usage: { cores, asked } }) =>
      cores === null ? "–" : `${cores.toFixed(2)} of ${numberText(asked.cpus)}`,
  },
  {
    name: "largest peak",
    kind: "number",
    cell: ({ usage: { peakBytes, asked } }) =>
      sizeOf(peakBytes) + (asked.memBytes === null ? "" : ` of ${sizeText(asked.memBytes)}`),
  },
  { name: "read", kind: "number", cell: ({ usage }) => sizeOf(usage.readBytes) },
  { name: "written", kind: "number", cell: ({ usage }) => sizeOf(usage.writtenBytes) },
  {
    name: "suggested --needs",
    kind: "word",
    cell: ({ usage: { suggestedNeeds } }) =>
      suggestedNeeds === null ? "–" : html`<code>${suggestedNeeds}</code>`,
  },
];
