import type { Report } from "../../domain/notification.ts";
import type { templates } from "./receivers.ts";

/** The body of a request, and its headers. */
export interface Payload {
  body: string;
  headers: Readonly<Record<string, string>>;
}

/** How untrusted text is written, such as the name of a posting. */
type Quote = (text: string) => string;

const bodyMax = 64 * 1024;
const longestText = 300;

/** One line, without control characters and half characters, and not longer than a message. */
export function plain(text: string): string {
  const line = text
    .toWellFormed()
    .replaceAll(/\p{C}+|\s+/gu, " ")
    .trim();
  return line.length > longestText ? `${line.slice(0, longestText).toWellFormed()}…` : line;
}

/** Inline code, in which nothing is a mention, a link or an image. */
const code: Quote = (text) => `\`${plain(text).replaceAll("`", "'")}\``;

/** Slack reads entities everywhere, so that <!channel> would be a mention. */
const slackCode: Quote = (text) =>
  code(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The request for a report in the form that the receiver reads. */
export function payloadOf(report: Report, template: (typeof templates)[number]): Payload {
  const json = { "content-type": "application/json" };
  switch (template) {
    case "json":
      return { body: jsonBody(report), headers: json };
    case "slack":
      return { body: JSON.stringify({ text: messageOf(report, slackCode) }), headers: json };
    case "mattermost":
      return { body: JSON.stringify({ text: messageOf(report, code) }), headers: json };
    case "ntfy":
      return {
        body: linesOf(report, plain).join("\n"),
        headers: {
          "content-type": "text/plain; charset=utf-8",
          title: headerText(titleOf(report, plain)),
          ...(isGood(report) ? {} : { priority: "high" }),
        },
      };
  }
}

/** All of a report; of a very large one less, so that each receiver takes it. */
export function jsonBody(report: Report): string {
  const whole = JSON.stringify(report);
  if (Buffer.byteLength(whole) <= bodyMax) return whole;
  const short = report.kind === "flow" ? { ...report, stages: [] } : { ...report, reason: null };
  return JSON.stringify({ ...short, failures: [] });
}

/** A title and lines, as text for people. */
export const messageOf = (report: Report, quote: Quote = plain): string =>
  [titleOf(report, quote), ...linesOf(report, quote)].join("\n");

const isGood = ({ state }: Report): boolean => state === "done";

/** As in "posting 41 (night) failed". */
export function titleOf({ kind, id, name, state }: Report, quote: Quote): string {
  const how = { done: "is done", failed: "failed", stuck: "is stuck" }[state];
  const named = name === null ? "" : ` (${quote(name)})`;
  return `${kind} ${id}${named} ${how ?? `was ${plain(state)}`}`;
}

function linesOf(report: Report, quote: Quote): string[] {
  const { jobs, failures, durationMs, ending } = report;
  const counts = [
    `${jobs.done} of ${jobs.total} jobs done`,
    ...(jobs.failed > 0 ? [`${jobs.failed} failed`] : []),
    ...(jobs.cancelled > 0 ? [`${jobs.cancelled} cancelled`] : []),
  ];
  const again = ending > 1 ? `, for the ${ending}${ordinal(ending)} time` : "";
  return [
    `${counts.join(", ")}, after ${durationText(durationMs)}${again}`,
    ...(report.kind === "posting" ? postingLines(report, quote) : stageLines(report, quote)),
    ...failures.map(({ count, name, message }) => {
      return `${count}x ${quote(`${name ?? "Error"}: ${message ?? ""}`)}`;
    }),
  ];
}

function postingLines(report: Extract<Report, { kind: "posting" }>, quote: Quote): string[] {
  const { command, entryPoint, flow, stage, schedule, scheduledAt, reason } = report;
  return [
    quote(command ?? entryPoint),
    ...(flow === null ? [] : [`stage ${quote(stage ?? "")} of flow ${flow.id}`]),
    ...(schedule === null ? [] : [`schedule ${quote(schedule)}, for ${scheduledAt ?? "now"}`]),
    ...(reason === null ? [] : [`reason: ${quote(reason)}`]),
  ];
}

const stageLines = ({ stages }: Extract<Report, { kind: "flow" }>, quote: Quote): string[] =>
  stages
    .filter(({ state }) => state !== "done")
    .slice(0, 10)
    .map(({ stage, posting, state }) => `stage ${quote(stage)} (posting ${posting}): ${state}`);

const ordinal = (n: number): string =>
  n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");

function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** A header of a request or a mail: ASCII as it is, all else encoded (RFC 2047). */
export function headerText(text: string): string {
  const line = plain(text);
  if (/^[\x20-\x7e]*$/.test(line) && !line.includes("=?")) return line;
  const words: string[] = [];
  let word = "";
  for (const character of line) {
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word]
    .map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`)
    .join(" ");
}
