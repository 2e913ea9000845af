import type { ReportFigures } from "../figures.ts";
import { type Content, html } from "../html.ts";
import {
  dateText,
  durationText,
  momentText,
  numberText,
  percentText,
  timeText,
  workText,
} from "../text.ts";

interface Fact {
  name: string;
  value: string;
  note?: string;
}

/** The most important numbers, large. */
export function facts(figures: ReportFigures): Content {
  const found = [
    ...jobFacts(figures),
    ...timeFacts(figures),
    ...workFacts(figures),
    ...attemptFacts(figures),
  ];
  return html`<dl class="facts">
    ${found.map(
      ({ name, value, note }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}${note === undefined ? null : html`<small>${note}</small>`}</dd>
        </div>`,
    )}
  </dl>`;
}

function jobFacts({ jobs }: ReportFigures): Fact[] {
  const total = Object.values(jobs).reduce((sum, n) => sum + n, 0);
  const others = [
    ["failed", jobs.failed],
    ["cancelled", jobs.cancelled],
    ["running", jobs.running],
    ["waiting", jobs.waiting],
    ["retrying", jobs.retrying],
  ] as const;
  const note = others
    .filter(([, n]) => n > 0)
    .map(([status, n]) => `${numberText(n)} ${status}`)
    .join(", ");
  const value = `${numberText(jobs.done)} done`;
  return [
    {
      name: `Of ${numberText(total)} jobs`,
      value,
      note: note === "" ? percentText(jobs.done, total) : note,
    },
  ];
}

/** From the first start to the last end, or until now. */
export function periodOf({ postings, madeAt }: ReportFigures): { from: Date; to: Date } | null {
  const starts = postings.flatMap(({ startedAt }) => startedAt?.getTime() ?? []);
  if (starts.length === 0) return null;
  const ends = postings.map(({ endedAt }) => endedAt?.getTime() ?? madeAt.getTime());
  return { from: new Date(Math.min(...starts)), to: new Date(Math.max(...ends)) };
}

function timeFacts(figures: ReportFigures): Fact[] {
  const period = periodOf(figures);
  if (period === null) return [];
  const { from, to } = period;
  const isOver = figures.postings.every(({ endedAt }) => endedAt !== null);
  const isOneDay = dateText(from) === dateText(to);
  const [first, last] = [from, to].map((at) => (isOneDay ? timeText(at, true) : momentText(at)));
  const value = durationText(to.getTime() - from.getTime());
  return [
    { name: isOver ? "Took" : "Runs for", value, note: `${first} to ${isOver ? last : "now"}` },
  ];
}

function workFacts({ durations, timeline }: ReportFigures): Fact[] {
  if (timeline === null) return [];
  const busy = timeline.endAt.getTime() - timeline.startAt.getTime();
  const workers = durations.sumMs / Math.max(busy, 1);
  const note = `${numberText(Math.round(workers * 10) / 10)} workers busy on average`;
  return [{ name: "Work of all attempts", value: workText(durations.sumMs), note }];
}

function attemptFacts({ durations }: ReportFigures): Fact[] {
  const { medianMs, p95Ms, longestMs } = durations;
  if (medianMs === null || p95Ms === null || longestMs === null) return [];
  return [
    {
      name: "Median attempt",
      value: durationText(medianMs),
      note: `95 % within ${durationText(p95Ms)}`,
    },
    { name: "Longest attempt", value: durationText(longestMs) },
  ];
}
