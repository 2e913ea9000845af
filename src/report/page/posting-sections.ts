import type { PostingFigures, ReportFigures } from "../figures.ts";
import { type Content, html } from "../html.ts";
import { durationText, momentText, numberText } from "../text.ts";
import { table } from "./table.ts";

const mostRows = 200;

/** How names of postings become links; a file has none. */
export type LinkOf = (posting: number) => string | null;

/** What ran: one posting with all that is known of it, or a table of several. */
export function whatRan({ postings, timeline }: ReportFigures, linkOf: LinkOf): Content {
  const [only, other] = postings;
  const heading = timeline === null ? "What is to run" : "What ran";
  if (only && !other)
    return html`<h2>${heading}</h2>
      ${pairs(onePosting(only))}`;
  const shown = postings.slice(0, mostRows);
  return html`<h2>${heading}</h2>
    ${postingTable(shown, linkOf)}${
      postings.length > mostRows
        ? html`<p class="note">
            The first ${mostRows} of ${numberText(postings.length)} postings are listed. All figures
            of this page include all of them.
          </p>`
        : null
    }${specialties(shown)}`;
}

export const pairs = (rows: readonly (readonly [string, Content])[]): Content =>
  html`<dl class="pairs">
    ${rows.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;

/** A state with its colour, if it needs attention. */
export const stateText = (state: string): Content =>
  html`<span class="state ${state}">${state === "errored_out" ? "stopped" : state}</span>`;

function onePosting(one: PostingFigures): (readonly [string, Content])[] {
  const { id, name, entryPoint, command, state, postedAt, startedAt, endedAt } = one;
  return [
    ["Posting", `${id}${name === null ? "" : `, ${name}`}`],
    command === null
      ? ["Entry point", html`<code>${entryPoint}</code>`]
      : ["Command", html`<code>${command}</code>`],
    ["State", stateText(state)],
    ...reasonOf(one),
    ["Posted", `${momentText(postedAt)} by ${posterText(one)}`],
    ...(startedAt === null ? [] : [["Started", startText(postedAt, startedAt)] as const]),
    ...(endedAt === null ? [] : [["Ended", momentText(endedAt)] as const]),
    ...propertiesOf(one),
  ];
}

const startText = (postedAt: Date, startedAt: Date): string => {
  const waitedMs = startedAt.getTime() - postedAt.getTime();
  return waitedMs < 1_000
    ? momentText(startedAt)
    : `${momentText(startedAt)}, after waiting ${durationText(waitedMs)}`;
};

export const posterText = ({ poster, posterOs }: { poster: string; posterOs: string }): string =>
  poster === posterOs ? poster : `${posterOs} (role ${poster})`;

function reasonOf({ state, reason, waitsFor }: PostingFigures): (readonly [string, Content])[] {
  return [
    ...(reason === null ? [] : [["Reason", reason] as const]),
    ...(waitsFor === null
      ? []
      : [[state === "blocked" ? "Blocked" : "Waits for", waitsFor] as const]),
  ];
}

function propertiesOf({
  options,
  project,
  schedule,
  codeDigest,
}: PostingFigures): (readonly [string, Content])[] {
  const flags = options.map(({ name, value }) => (value === "" ? name : `${name} ${value}`));
  return [
    ["Options", flags.length === 0 ? "the defaults" : html`<code>${flags.join("  ")}</code>`],
    ...(project === null ? [] : [["Project", html`<code>${project}</code>`] as const]),
    ...(schedule === null ? [] : [["Schedule", schedule] as const]),
    ...(codeDigest === null ? [] : [["Code", html`<code>sha256 ${codeDigest}</code>`] as const]),
  ];
}

/** What is special about postings of several: a row for each that has anything. */
function specialties(postings: readonly PostingFigures[]): Content {
  const projects = new Set(postings.map(({ project }) => project));
  const [project = null] = projects.size === 1 ? projects : [];
  const rows = postings.flatMap((one) => {
    const special = [
      ...reasonOf(one),
      ...propertiesOf(one).filter(([name]) =>
        name === "Options" ? one.options.length > 0 : name !== "Project" || project === null,
      ),
    ];
    const texts = special.map(([name, value]) =>
      name === "Options" ? html`<div>${value}</div>` : html`<div>${name}: ${value}</div>`,
    );
    const label = one.stage ?? one.name ?? `posting ${one.id}`;
    return texts.length === 0 ? [] : [[label, texts] as const];
  });
  const common = project === null ? [] : [["Project", html`<code>${project}</code>`] as const];
  return rows.length + common.length === 0 ? null : pairs([...common, ...rows]);
}

function postingTable(postings: readonly PostingFigures[], linkOf: LinkOf): Content {
  const hasStages = postings.some(({ stage }) => stage !== null);
  const hasRetries = postings.some(({ retried }) => retried > 0);
  const numbered = ({ id }: PostingFigures) => {
    const link = linkOf(id);
    return link === null ? id : html`<a href="${link}">${id}</a>`;
  };
  return table<PostingFigures>(
    [
      { name: "posting", kind: "number", cell: numbered },
      {
        name: hasStages ? "stage" : "name",
        kind: "text",
        cell: ({ stage, name }) => stage ?? name ?? (hasStages ? "–" : null),
      },
      {
        name: "runs",
        kind: "text",
        cell: ({ command, entryPoint }) => html`<code>${command ?? entryPoint}</code>`,
      },
      { name: "state", kind: "word", cell: ({ state }) => stateText(state) },
      { name: "jobs", kind: "number", cell: ({ jobCount }) => numberText(jobCount) },
      { name: "done", kind: "number", cell: ({ jobs }) => numberText(jobs.done) },
      {
        name: "failed",
        kind: "number",
        isBad: ({ jobs }) => jobs.failed > 0,
        cell: ({ jobs }) => numberText(jobs.failed),
      },
      hasRetries
        ? { name: "tried again", kind: "number", cell: ({ retried }) => numberText(retried) }
        : null,
      { name: "median", kind: "number", cell: ({ durations }) => duration(durations.medianMs) },
      { name: "longest", kind: "number", cell: ({ durations }) => duration(durations.longestMs) },
    ],
    postings,
  );
}

const duration = (ms: number | null): string => (ms === null ? "–" : durationText(ms));
