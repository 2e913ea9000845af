import { messageOf } from "../../domain/errors.ts";
import { type Content, html } from "../../report/html.ts";
import { overviewPage } from "../../report/page/overview-page.ts";
import { page } from "../../report/page/page.ts";
import { reportPage } from "../../report/page/report-page.ts";
import { durationText } from "../../report/text.ts";
import type { HttpReply, HttpRequest } from "../http/http-server.ts";
import type { Board, Shown } from "./board.ts";
import { type Gate, securityHeaders } from "./gate.ts";
import type { WebFigures, Subject } from "./web-source.ts";

/** Pages of what goes on load themselves again after this long, of what has ended rarely. */
const [liveSeconds, endedSeconds, soonSeconds] = [5, 60, 1] as const;

/** What the path of a page is about; null for no page. */
export function subjectOf(path: string): Subject | null {
  if (path === "/") return { kind: "overview" };
  const [, kind, digits = ""] = /^\/(posting|flow)\/([1-9]\d{0,14})$/.exec(path) ?? [];
  if (kind === "posting" || kind === "flow") return { kind, id: Number(digits) };
  return null;
}

/** Whether nothing of a page changes any more, unless somebody retries jobs. */
export const isEnded = (found: WebFigures): boolean =>
  found.kind === "report" && found.figures.postings.every(({ endedAt }) => endedAt !== null);

/** Who may see pages, and the figures of the overview and of all others. */
export interface WebSite {
  gate: Gate;
  overview: Board<WebFigures>;
  reports: Board<WebFigures>;
}

/** Answers requests with pages. */
export async function answer(
  request: HttpRequest,
  { gate, overview, reports }: WebSite,
): Promise<HttpReply> {
  const refused = gate.refuse(request);
  if (refused) return withHeaders(refused);
  // Browsers ask for it by themselves.
  if (request.path === "/favicon.ico") return withHeaders({ status: 204, body: "" });
  const subject = subjectOf(request.path);
  if (subject === null) return notFound();
  const board = subject.kind === "overview" ? overview : reports;
  const shown = await board.get(request.path);
  if (shown.value?.kind === "missing") return notFound();
  return withHeaders({
    status: shown.value === null && shown.error !== null ? 503 : 200,
    type: "text/html; charset=utf-8",
    body: pageOf(shown, request),
  });
}

const withHeaders = (reply: HttpReply): HttpReply => ({
  ...reply,
  headers: { ...securityHeaders, ...reply.headers },
});

const notFound = (): HttpReply =>
  withHeaders({
    status: 404,
    type: "text/html; charset=utf-8",
    body: page({
      title: "Not found",
      header: html`<h1>Not found</h1>
        <p class="lead">There is no such page, posting or flow. <a href="/">All postings</a></p>`,
      main: null,
      footer: null,
    }),
  });

function pageOf(shown: Shown<WebFigures>, { path, query }: HttpRequest): string {
  const { value } = shown;
  const isStill = query.has("still");
  const seconds =
    value === null ? soonSeconds : isEnded(value) && !shown.error ? endedSeconds : liveSeconds;
  const live = {
    nav: [navigation(shown, { path, isStill, seconds }), warning(shown)],
    refreshSeconds: isStill ? null : seconds,
  };
  if (value?.kind === "overview") return overviewPage(value.overview, live);
  if (value?.kind === "report") {
    return reportPage(value.figures, { ...live, linkOf: (id) => `/posting/${id}` });
  }
  return page({
    ...{ title: "pdoflow", ...live },
    header: html`<h1>${shown.error === null ? "Reading the figures…" : "No figures"}</h1>`,
    main: html`<p class="note">
      ${shown.error === null ? "This takes some seconds for millions of jobs." : null}
    </p>`,
    footer: null,
  });
}

function navigation(
  { ageMs }: Shown<WebFigures>,
  { path, isStill, seconds }: { path: string; isStill: boolean; seconds: number },
): Content {
  const [href, action] = isStill ? [path, "update again"] : [`${path}?still`, "stop"];
  const pace = isStill ? "not updated" : `updated every ${durationText(seconds * 1_000)}`;
  const age = ageMs === null ? "" : `${durationText(Math.max(ageMs, 1_000))} old, `;
  return html`<nav>
    <a href="/">All postings</a>
    <span class="age">${age}${pace} (<a href="${href}">${action}</a>)</span>
  </nav>`;
}

function warning({ error, ageMs }: Shown<WebFigures>): Content {
  if (error === null) return null;
  const old = ageMs === null ? "" : ` These figures are ${durationText(ageMs)} old.`;
  return html`<nav>
    <p class="warning" role="alert">${messageOf(error)}${old}</p>
  </nav>`;
}
