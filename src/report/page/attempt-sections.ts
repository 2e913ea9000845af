import { durationChart } from "../chart/durations.ts";
import { legend, stateWords } from "../chart/legend.ts";
import { poolChart } from "../chart/pools.ts";
import { spanChart } from "../chart/spans.ts";
import { throughputChart } from "../chart/throughput.ts";
import type { ByState, FailureFigure, ReportFigures } from "../figures.ts";
import { type Content, html } from "../html.ts";
import {
  counted,
  cut,
  dateText,
  durationText,
  momentText,
  numberText,
  percentText,
  workText,
  zoneText,
} from "../text.ts";
import { periodOf } from "./facts.ts";
import { type ReportColumn, table } from "./table.ts";

const mostSpans = 60;

/** When it ran: throughput, pools, and the postings if there are several. */
export function whenItRan(figures: ReportFigures): Content {
  const { timeline, postings, madeAt } = figures;
  if (timeline === null) return null;
  const { startAt, ended, binMs } = timeline;
  const period = periodOf(figures);
  const posted = Math.min(...postings.map(({ postedAt }) => postedAt.getTime()));
  const spans =
    postings.length < 2 || period === null
      ? null
      : html`<h3>Postings</h3>
          <figure>
            ${spanChart(postings.slice(0, mostSpans), {
              fromMs: posted,
              toMs: Math.min(period.to.getTime(), madeAt.getTime()),
            })}
          </figure>
          <p class="note">
            A bar begins with the first attempt of a posting; before that it waits (dotted).
          </p>`;
  return html`<h2>When it ran</h2>
    <p class="note">
      Times are local, ${zoneText(startAt)}; the first attempt began on ${dateText(startAt)}.
    </p>
    <h3>Attempts ended per second</h3>
    ${legend((state) => ended[state].some((n) => n > 0))}
    <figure>${throughputChart(timeline)}</figure>
    <p class="note">Each bar is ${durationText(binMs)}.</p>
    ${spans}
    <h3>Busy workers</h3>
    <figure>${poolChart(timeline)}</figure>
    <p class="note">
      For each pool, how many of its workers ran these jobs, against all that it had. Attempts count
      once they have ended.
    </p>`;
}

/** How long attempts took. */
export function howLong({ durations, slowest }: ReportFigures): Content {
  const { bars, medianMs, p95Ms, p99Ms, meanMs, longestMs } = durations;
  if (longestMs === null) return null;
  const shown = (ms: number | null) => (ms === null ? "–" : durationText(ms));
  const has = (state: keyof ByState<number>) => bars.some((bar) => bar[state] > 0);
  return html`<h2>How long attempts took</h2>
    ${legend(has)}
    <figure>${durationChart(bars, durations)}</figure>
    <p class="note">
      Mean ${shown(meanMs)}, median ${shown(medianMs)}, 95 % within ${shown(p95Ms)}, 99 % within
      ${shown(p99Ms)}, longest ${shown(longestMs)}. Shares are within 5 % of the exact durations.
    </p>
    <h3>Slowest attempts</h3>
    ${slowestTable(slowest)}`;
}

function slowestTable(slowest: ReportFigures["slowest"]): Content {
  const hasArgs = slowest.some(({ args }) => args !== null);
  return table(
    [
      { name: "job", kind: "number", cell: ({ job }) => job },
      { name: "attempt", kind: "number", cell: ({ attempt }) => attempt },
      { name: "end", kind: "word", cell: ({ state }) => wordOf(state) },
      { name: "took", kind: "number", cell: ({ durationMs }) => durationText(durationMs) },
      { name: "ended", kind: "word", cell: ({ endedAt }) => momentText(endedAt) },
      { name: "machine", kind: "plain", cell: ({ host }) => host ?? "–" },
      hasArgs
        ? { name: "arguments", kind: "text", cell: ({ args }) => html`<code>${args ?? ""}</code>` }
        : null,
    ],
    slowest,
    { isSmall: true },
  );
}

const wordOf = (state: keyof ByState<number>): string =>
  stateWords.find(([each]) => each === state)?.[1] ?? state;

/** Why jobs failed: groups of similar failures with an example each. */
export function whyFailed({ failures, failureGroups, jobs }: ReportFigures): Content {
  if (failures.length === 0) return null;
  const more = failureGroups - failures.length;
  return html`<h2>Why jobs failed</h2>
    ${failures.map((group) => failure(group, jobs.failed))}${
      more > 0
        ? html`<p class="note">${counted(more, "smaller group")} of failures not shown.</p>`
        : null
    }`;
}

function failure(group: FailureFigure, failed: number): Content {
  const { count, error, job, attempt, host, firstAt, lastAt, stderr, args, fingerprint } = group;
  const name = error?.name ?? "Error";
  const message = error?.message ?? "The example was retried, or its outcome is gone.";
  const [line = "", ...rest] = message.split("\n");
  const stack = error?.stack ?? "";
  // The stack of an error usually begins with its message.
  const details = [stack.includes(message) ? "" : rest.join("\n"), stack].filter(
    (text) => text.trim() !== "",
  );
  const when = firstAt === null || lastAt === null ? null : html`, ${between(firstAt, lastAt)}`;
  const place = [
    job,
    ...(attempt === null ? [] : [`, attempt ${attempt}`]),
    ...(host === null ? [] : [` on ${host}`]),
  ];
  return html`<section class="failure">
    <h3>${name}: ${cut(line, mostOfHeading)}</h3>
    <p>
      ${counted(count, "job")} (${percentText(count, failed)} of the failures)${when}. Example: job
      ${place}. Group <code>${fingerprint}</code>.
    </p>
    ${
      args === null ? null : html`<p>Arguments: <code>${args}</code></p>`
    }${details.length === 0 ? null : html`<pre>${details.join("\n")}</pre>`}${
      stderr === null || stderr === ""
        ? null
        : html`<p>Printed to stderr:</p>
            <pre>${stderr}</pre>`
    }
  </section>`;
}

/** Of a message, as a heading. */
const mostOfHeading = 300;

const between = (first: Date, last: Date): string =>
  first.getTime() === last.getTime()
    ? `at ${momentText(first)}`
    : `from ${momentText(first)} to ${momentText(last)}`;

/** Attempts by their number, if any job needed more than one. */
export function retries({ attempts }: ReportFigures): Content {
  if (attempts.length < 2) return null;
  const columns = stateWords.filter(([state]) => attempts.some((one) => one[state] > 0));
  return html`<h2>Retries</h2>
    ${table(
      [
        { name: "attempt", kind: "number", cell: ({ attempt }) => attempt },
        ...columns.map(([state, name]): ReportColumn<(typeof attempts)[number]> => ({
          ...{ name, kind: "number", cell: (one) => numberText(one[state]) },
        })),
      ],
      attempts,
      { isSmall: true },
    )}`;
}

/** Where it ran. */
export function machines({ machines }: ReportFigures): Content {
  if (machines.length === 0) return null;
  const shown = machines.slice(0, 100);
  return html`<h2>Machines</h2>
    ${table(machineColumns, shown)}
    ${
      machines.length > shown.length
        ? html`<p class="note">
            The ${shown.length} busiest of ${numberText(machines.length)} machines.
          </p>`
        : null
    }
    <p class="note">
      Busy: the share of the workers’ time that went into these jobs, while they ran.
    </p>`;
}

type MachineRow = ReportFigures["machines"][number];
const failedOf = ({ attempts }: MachineRow) => attempts.failed + attempts.retried;

const machineColumns: readonly ReportColumn<MachineRow>[] = [
  { name: "machine", kind: "text", cell: ({ host }) => host ?? "pools that were deleted" },
  { name: "pools", kind: "number", cell: ({ pools }) => pools },
  { name: "workers", kind: "number", cell: ({ slots }) => slots },
  {
    name: "attempts",
    kind: "number",
    cell: (one) => numberText(failedOf(one) + one.attempts.done + one.attempts.cancelled),
  },
  {
    name: "failed",
    kind: "number",
    isBad: (one) => failedOf(one) > 0,
    cell: (one) => numberText(failedOf(one)),
  },
  { name: "work", kind: "number", cell: ({ busyMs }) => workText(busyMs) },
  {
    name: "busy",
    kind: "number",
    cell: ({ busyMs, availableMs }) =>
      availableMs === null ? "–" : percentText(Math.min(busyMs, availableMs), availableMs),
  },
  { name: "pdoflow", kind: "word", cell: ({ versions }) => versions.join(", ") },
];
