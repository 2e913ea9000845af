import type { FlowState } from "../../domain/flow-status.ts";
import type { JobCounts, PoolRowState, VisibleState } from "../../domain/states.ts";
import { type Content, html } from "../html.ts";
import { dateText, durationText, momentText, numberText, percentText, timeText } from "../text.ts";
import { page } from "./page.ts";
import { stateText } from "./posting-sections.ts";

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

interface ListColumn {
  name: string;
  /** Numbers stand below each other, at the right. */
  isNumber?: true;
}

function table(
  heading: string,
  columns: readonly ListColumn[],
  rows: readonly Content[][],
): Content {
  const cell = (tag: "td" | "th", content: Content, i: number) => {
    const className = columns[i]?.isNumber ? "n" : "w";
    return tag === "td"
      ? html`<td class="${className}">${content}</td>`
      : html`<th class="${className}">${content}</th>`;
  };
  return html`<h2>${heading}</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${columns.map(({ name }, i) => cell("th", name, i))}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                ${row.map((content, i) => cell("td", content, i))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

const none = (heading: string, text: string): Content =>
  html`<h2>${heading}</h2>
    <p class="note">${text}</p>`;

function postingTable(postings: Overview["postings"]): Content {
  if (postings.length === 0) return none("Postings", "There are no postings yet.");
  const columns: ListColumn[] = [
    { name: "posting", isNumber: true },
    ...["name", "runs", "state"].map((name) => ({ name })),
    ...["jobs", "ended", "failed"].map((name): ListColumn => ({ name, isNumber: true })),
    ...["posted", "by"].map((name) => ({ name })),
  ];
  const rows = postings.map((one): Content[] => {
    const { done, failed, cancelled } = one.jobs;
    return [
      html`<a href="/posting/${one.id}">${one.id}</a>`,
      one.name ?? "–",
      html`<code title="${one.work}">${shortened(one.work)}</code>`,
      stateText(one.state),
      numberText(one.jobCount),
      percentText(done + failed + cancelled, one.jobCount),
      failed === 0 ? "0" : html`<span class="bad">${numberText(failed)}</span>`,
      minuteText(one.postedAt),
      one.poster,
    ];
  });
  return table("Postings", columns, rows);
}

/** Without seconds: the table has no room for them. */
const minuteText = (at: Date): string => `${dateText(at)} ${timeText(at, false)}`;

const shortened = (text: string): string => (text.length > 60 ? `…${text.slice(-59)}` : text);

function flowTable(flows: Overview["flows"]): Content {
  if (flows.length === 0) return null;
  const columns: ListColumn[] = [
    { name: "flow", isNumber: true },
    ...["name", "state"].map((name) => ({ name })),
    { name: "stages done", isNumber: true },
    { name: "posted" },
  ];
  const rows = flows.map(({ id, name, state, stages, done, postedAt }): Content[] => [
    html`<a href="/flow/${id}">${id}</a>`,
    name,
    stateText(state),
    `${done} of ${stages}`,
    minuteText(postedAt),
  ]);
  return table("Flows", columns, rows);
}

function poolTable(pools: Overview["pools"]): Content {
  if (pools.length === 0) return none("Pools", "No pool is running.");
  const columns: ListColumn[] = [
    { name: "pool", isNumber: true },
    { name: "machine" },
    { name: "workers", isNumber: true },
    ...["state", "started"].map((name) => ({ name })),
    { name: "last heartbeat", isNumber: true },
  ];
  const rows = pools.map(({ id, host, slots, state, startedAt, beatAgoMs }): Content[] => [
    ...[id, host, slots, stateText(state), minuteText(startedAt)],
    `${durationText(Math.max(0, beatAgoMs))} ago`,
  ]);
  return table("Pools", columns, rows);
}

function scheduleTable(schedules: Overview["schedules"]): Content {
  if (schedules.length === 0) return null;
  const columns: ListColumn[] = ["schedule", "runs", "next", "posted last"].map((name) => ({
    name,
  }));
  const rows = schedules.map(({ name, work, isPaused, firesAt, last }): Content[] => [
    name,
    html`<code>${work}</code>`,
    isPaused ? stateText("paused") : firesAt === null ? "never" : minuteText(firesAt),
    last === null ? "–" : html`<a href="/${last.kind}/${last.id}">${last.kind} ${last.id}</a>`,
  ]);
  return table("Schedules", columns, rows);
}
