import type { Line, Span } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import type { Scene } from "../state/columns.ts";
import { type Model, placeOf, readOnlyOf, refreshMs } from "../state/model.ts";
import { sparkline } from "../draw/plot.ts";
import { widthOf } from "../draw/text.ts";
import { clock, count, rate, span } from "../draw/words.ts";

/** What stands above everything: where this is, what goes on, and whether it is true still. */
export function headerLines(scene: Scene): Line[] {
  const { model } = scene;
  const { columns, rows } = model.size;
  const lines = [titleLine(model)];
  if (model.fault) lines.push(faultLine(model));
  if (model.snapshot === null) return lines;
  if (rows >= 10) lines.push(jobsLine(scene));
  if (rows >= 14) lines.push(poolsLine(model));
  return lines.map(({ spans }) => ({ spans: fitting(spans, columns) }));
}

/** Leaves out parts from the end until the rest fits; the first stays. */
function fitting(spans: readonly Span[], columns: number): Span[] {
  const kept = [...spans];
  while (kept.length > 1 && kept.reduce((sum, { text }) => sum + widthOf(text), 0) > columns) {
    kept.pop();
  }
  return kept;
}

function titleLine(model: Model): Line {
  const { snapshot } = model;
  const parts: Span[] = [{ text: "pdoflow top", tone: "strong" }];
  if (model.isFrozen) parts.push({ text: "  FROZEN", tone: "warn" });
  if (snapshot) parts.push({ text: `  ${clock(snapshot.at)}` });
  if (readOnlyOf(model) !== null) parts.push({ text: "  read-only", tone: "warn" });
  if (snapshot) parts.push({ text: `  ${snapshot.database}`, tone: "dim" });
  if (snapshot && model.everyMs > 0)
    parts.push({ text: `  every ${span(refreshMs({ ...model, fault: null }))}`, tone: "dim" });
  return { spans: parts };
}

/** That nothing is heard from the server, for how long, and how old what is shown is. */
function faultLine(model: Model): Line {
  const { fault, snapshot, nowMs, takenAtMs } = model;
  const age = span(nowMs - takenAtMs);
  const what = snapshot === null ? "NOT CONNECTED" : `STALE: this is ${age} old`;
  return line(
    { text: ` ${what} `, tone: "alarm" },
    { text: ` ${fault?.message ?? ""}`, tone: "bad" },
  );
}

function jobsLine({ model, glyphs }: Scene): Line {
  const jobs = model.snapshot?.jobs;
  const { now, curve } = speedOf(model);
  const failed = jobs?.failed ?? 0;
  return line(
    { text: `${now === undefined ? glyphs.none : rate(now)} jobs/s `, tone: "strong" },
    { text: sparkline(curve, model.size.columns < 100 ? 10 : 20, glyphs), tone: "busy" },
    { text: `  running ${count(jobs?.running ?? 0)}  `, tone: "busy" },
    { text: `waiting ${count(jobs?.waiting ?? 0)}  ` },
    failed === 0
      ? { text: "failed 0  ", tone: "dim" }
      : { text: `failed ${glyphs.failed}${count(failed)}  `, tone: "bad" },
    { text: `retrying ${count(jobs?.retrying ?? 0)}  `, tone: jobs?.retrying ? "warn" : "dim" },
    { text: `done ${count(jobs?.done ?? 0)}  `, tone: "good" },
  );
}

/** Jobs in a second, as pools told of the last minute; else as seen from one look to the next. */
function speedOf({ snapshot, rates }: Model): { now: number | undefined; curve: number[] } {
  const told = snapshot?.endedBySecond ?? [];
  const seen = rates.map(({ perSecond }) => perSecond);
  if (told.length === 0) return { now: seen.at(-1), curve: seen };
  const thirds = Array.from({ length: Math.floor(told.length / 3) }, (_, i) => {
    const from = told.length - 3 * (Math.floor(told.length / 3) - i);
    return told.slice(from, from + 3).reduce((sum, each) => sum + each, 0) / 3;
  });
  return { now: seen.at(-1) ?? thirds.at(-1), curve: thirds };
}

function poolsLine({ snapshot }: Model): Line {
  const pools = snapshot?.pools ?? [];
  const up = pools.filter(
    ({ state, isStale }) => state !== "lost" && state !== "stopped" && !isStale,
  );
  const stale = pools.filter(({ isStale }) => isStale).length;
  const slots = up.reduce((sum, pool) => sum + pool.slots, 0);
  const busy = up.reduce((sum, pool) => sum + (pool.busy ?? 0), 0);
  const oldest = snapshot?.oldestWaitingMs ?? null;
  return line(
    { text: `pools up ${up.length}`, tone: up.length > 0 ? "good" : "warn" },
    stale > 0 ? { text: `, ${stale} stale`, tone: "bad" } : "",
    `  workers busy ${busy}/${slots}`,
    oldest === null ? "" : `  oldest waits ${span(oldest)}`,
    snapshot && snapshot.morePostings > 0
      ? { text: `  and ${count(snapshot.morePostings)} more postings`, tone: "dim" }
      : "",
  );
}

/** The tabs; with `hit`, where a click leads. */
export function tabs(
  model: Model,
): { name: "postings" | "pools" | "failures" | "numbers"; text: string }[] {
  const { snapshot } = model;
  const size = (rows: readonly unknown[] | undefined) => (rows ? ` ${count(rows.length)}` : "");
  return [
    { name: "postings", text: ` 1 postings${size(snapshot?.postings)} ` },
    { name: "pools", text: ` 2 pools${size(snapshot?.pools)} ` },
    { name: "failures", text: ` 3 failures${size(snapshot?.failures)} ` },
    { name: "numbers", text: " 4 numbers " },
  ];
}

export function tabLine(model: Model): Line {
  const here = placeOf(model).kind === "numbers" ? "numbers" : model.pane;
  return {
    spans: tabs(model).map(({ name, text }) => ({ text, tone: name === here ? "bar" : "dim" })),
  };
}
