import { flowGraph } from "../chart/flow-graph.ts";
import type { FlowFigures, ReportFigures } from "../figures.ts";
import { headline, onlyFlow, titleOf } from "../headline.ts";
import { type Content, html } from "../html.ts";
import { counted, momentText, zoneText } from "../text.ts";
import { howLong, machines, retries, whenItRan, whyFailed } from "./attempt-sections.ts";
import { facts } from "./facts.ts";
import { page } from "./page.ts";
import { usageSection } from "./usage-section.ts";
import { type LinkOf, posterText, stateText, whatRan } from "./posting-sections.ts";

/** What the page of a server has, and a file has not. */
export interface LivePage {
  nav: Content;
  linkOf: LinkOf;
  refreshSeconds: number | null;
}

/** A graph with more stages cannot be read; the table has them all. */
const mostStages = 150;

/** A report as one HTML file, or as the page of a server. */
export function reportPage(figures: ReportFigures, live: LivePage | null = null): string {
  const { madeAt, program, database } = figures;
  const title = titleOf(figures);
  return page({
    title: `${title} – pdoflow`,
    nav: live?.nav ?? null,
    refreshSeconds: live?.refreshSeconds ?? null,
    header: html`<h1>${title}</h1>
      <p class="sub">${subtitle(figures)}</p>
      <p class="lead">${headline(figures)}</p>
      ${facts(figures)}`,
    main: [
      figures.flows.map(flowSection),
      whatRan(figures, live?.linkOf ?? (() => null)),
      whyFailed(figures),
      whenItRan(figures),
      howLong(figures),
      usageSection(figures),
      retries(figures),
      machines(figures),
    ],
    footer: html`<p>
      Made by pdoflow ${program} on ${momentText(madeAt)} (${zoneText(madeAt)}), from the
      ${database}.
    </p>`,
  });
}

function subtitle(figures: ReportFigures): Content {
  const flow = onlyFlow(figures);
  const { postings } = figures;
  const [posting] = postings;
  if (flow) {
    return html`Flow ${flow.id}, ${counted(flow.stages.length, "stage")}, posted
    ${momentText(flow.postedAt)} by ${posterText(flow)}`;
  }
  if (posting && postings.length === 1) {
    return html`Posting ${posting.id}, posted ${momentText(posting.postedAt)} by
    ${posterText(posting)}`;
  }
  return postings
    .map(({ id }) => id)
    .slice(0, 20)
    .join(", ");
}

/** What dashed lines of the graph mean. */
function kindsNote({ graph }: FlowFigures): Content {
  const kinds = new Set(graph.flatMap(({ upstreams }) => upstreams.map(({ kind }) => kind)));
  kinds.delete("after");
  if (kinds.size === 0) return null;
  const options = [...kinds].map((kind) => `--${kind}`).join(", ");
  return html`<p class="note">Dashed lines are edges of another kind than --after: ${options}.</p>`;
}

function flowSection(flow: FlowFigures): Content {
  const { id, name, state, stages } = flow;
  const drawn =
    stages.length === 0 || stages.length > mostStages
      ? html`<p class="note">${counted(stages.length, "stage")}: the table lists them.</p>`
      : html`<figure>${flowGraph(flow)}</figure>
          ${kindsNote(flow)}`;
  return html`<h2>Flow ${id}, ${name}: ${stateText(state)}</h2>
    ${drawn}`;
}
