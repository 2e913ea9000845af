import type { FlowState } from "../../domain/flow-status.ts";
import { type ResourceUse, usesText } from "../../domain/resource-use.ts";
import type { JobCounts, PoolRowState, VisibleState } from "../../domain/states.ts";
import { type Content, html } from "../html.ts";
import { dateText, durationText, momentText, numberText, percentText, timeText } from "../text.ts";
import { page } from "./page.ts";
import { stateText } from "./posting-sections.ts";
import { type ReportColumn, table } from "./table.ts";

/** The queue at a glance. */
export interface Overview {
  madeAt: Date;
  database: string;
  postings: {
    id: number;
    name: string | null;
    work: string;
    state: VisibleState;
    reason: string | null;
    poster: string;
    postedAt: Date;
    jobCount: number;
    jobs: JobCounts;
  }[];
  flows: {
    id: number;
    name: string;
    state: FlowState;
    stages: number;
    done: number;
    postedAt: Date;
  }[];
  pools: {
    id: number;
    host: string;
    slots: number;
    state: PoolRowState;
    startedAt: Date;
    beatAgoMs: number;
    resources: readonly ResourceUse[];
  }[];
  schedules: {
    name: string;
    work: string;
    isPaused: boolean;
    firesAt: Date | null;
    /** The posting or the flow of its last fire. */
    last: { kind: "posting" | "flow"; id: number } | null;
  }[];
}

interface LiveOverview {
  nav: Content;
  refreshSeconds: number | null;
}

/** The first page of `pdoflow web`. */
export function overviewPage(overview: Overview, { nav, refreshSeconds }: LiveOverview): string {
  const { madeAt, database, postings, flows, pools, schedules } = overview;
  return page({
    ...{ title: "pdoflow", nav, refreshSeconds },
    header: html`<h1>Queue</h1>
      <p class="sub">${database}</p>`,
    main: [postingTable(postings), flowTable(flows), poolTable(pools), scheduleTable(schedules)],
    footer: html`<p>Read on ${momentText(madeAt)}.</p>`,
  });
}

const listed = <Row>(
  heading: string,
  columns: readonly ReportColumn<Row>[],
  rows: readonly Row[],
): Content =>
  html`<h2>${heading}</h2>
    ${table(columns, rows)}`;

const none = (heading: string, text: string): Content =>
  html`<h2>${heading}</h2>
    <p class="note">${text}</p>`;

function postingTable(postings: Overview["postings"]): Content {
  if (postings.length === 0) return none("Postings", "There are no postings yet.");
  return listed<Overview["postings"][number]>(
    "Postings",
    [
      {
        name: "posting",
        kind: "number",
        cell: ({ id }) => html`<a href="/posting/${id}">${id}</a>`,
      },
      { name: "name", kind: "word", cell: ({ name }) => name ?? "–" },
      {
        name: "runs",
        kind: "word",
        cell: ({ work }) => html`<code title="${work}">${shortened(work)}</code>`,
      },
      { name: "state", kind: "word", cell: ({ state }) => stateText(state) },
      { name: "jobs", kind: "number", cell: ({ jobCount }) => numberText(jobCount) },
      {
        name: "ended",
        kind: "number",
        cell: ({ jobs: { done, failed, cancelled }, jobCount }) =>
          percentText(done + failed + cancelled, jobCount),
      },
      {
        name: "failed",
        kind: "number",
        isBad: ({ jobs }) => jobs.failed > 0,
        cell: ({ jobs }) => numberText(jobs.failed),
      },
      { name: "posted", kind: "word", cell: ({ postedAt }) => minuteText(postedAt) },
      { name: "by", kind: "word", cell: ({ poster }) => poster },
    ],
    postings,
  );
}

/** Without seconds: the table has no room for them. */
const minuteText = (at: Date): string => `${dateText(at)} ${timeText(at, false)}`;

const shortened = (text: string): string => (text.length > 60 ? `…${text.slice(-59)}` : text);

function flowTable(flows: Overview["flows"]): Content {
  if (flows.length === 0) return null;
  return listed<Overview["flows"][number]>(
    "Flows",
    [
      {
        name: "flow",
        kind: "number",
        cell: ({ id }) => html`<a href="/flow/${id}">${id}</a>`,
      },
      { name: "name", kind: "word", cell: ({ name }) => name },
      { name: "state", kind: "word", cell: ({ state }) => stateText(state) },
      { name: "stages done", kind: "number", cell: ({ stages, done }) => `${done} of ${stages}` },
      { name: "posted", kind: "word", cell: ({ postedAt }) => minuteText(postedAt) },
    ],
    flows,
  );
}

function poolTable(pools: Overview["pools"]): Content {
  if (pools.length === 0) return none("Pools", "No pool is running.");
  return listed<Overview["pools"][number]>(
    "Pools",
    [
      { name: "pool", kind: "number", cell: ({ id }) => id },
      { name: "machine", kind: "word", cell: ({ host }) => host },
      { name: "workers", kind: "number", cell: ({ slots }) => slots },
      { name: "state", kind: "word", cell: ({ state }) => stateText(state) },
      { name: "free", kind: "plain", cell: ({ resources }) => usesText(resources) || "–" },
      { name: "started", kind: "word", cell: ({ startedAt }) => minuteText(startedAt) },
      {
        name: "last heartbeat",
        kind: "number",
        cell: ({ beatAgoMs }) => `${durationText(Math.max(0, beatAgoMs))} ago`,
      },
    ],
    pools,
  );
}

function scheduleTable(schedules: Overview["schedules"]): Content {
  if (schedules.length === 0) return null;
  return listed<Overview["schedules"][number]>(
    "Schedules",
    [
      { name: "schedule", kind: "word", cell: ({ name }) => name },
      { name: "runs", kind: "word", cell: ({ work }) => html`<code>${work}</code>` },
      {
        name: "next",
        kind: "word",
        cell: ({ isPaused, firesAt }) =>
          isPaused ? stateText("paused") : firesAt === null ? "never" : minuteText(firesAt),
      },
      {
        name: "posted last",
        kind: "word",
        cell: ({ last }) =>
          last === null
            ? "–"
            : html`<a href="/${last.kind}/${last.id}">${last.kind} ${last.id}</a>`,
      },
    ],
    schedules,
  );
}
