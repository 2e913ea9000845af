import { parseSelector, type PostingPick } from "../../src/domain/selector.ts";
import { jobStatuses } from "../../src/domain/states.ts";
import { type ListRow, rowNote, rowState } from "./flow-rows.ts";
import type { Lookup } from "./posting-state.ts";
import type { TopFailure, TopJob, TopPool } from "../../src/db/dashboard/top-snapshot.ts";

/** The facts by which a row of a list is filtered. */
export interface Facts {
  /** The posting of the row, and the name of that or of a flow; null for a pool. */
  postingId: number | null;
  name: string | null;
  /** `state`, `poster`, `host` …: the fields of a filter such as `state:failed`. */
  fields: Readonly<Record<string, string>>;
  /** Everything the row shows. */
  text: string;
}

/** Of a flow its own facts; those of its stages are in their rows. */
export function factsOfPosting(row: ListRow, lookup: Lookup): Facts {
  const { kind, posting } = row;
  const { flow } = posting;
  const isFlow = kind === "flow";
  return {
    postingId: isFlow ? null : posting.id,
    name: isFlow ? (flow?.name ?? null) : posting.name,
    fields: {
      state: [
        ...(isFlow ? [] : [posting.state]),
        rowState(row).text,
        ...jobStatuses.filter((status) => posting.jobs[status] > 0),
      ].join(" "),
      poster: posting.poster,
      project: posting.project ?? "",
      name: posting.name ?? "",
      flow: flow ? `${flow.id} ${flow.name}` : "",
      stage: isFlow ? "" : (flow?.stage ?? ""),
      priority: String(posting.priority ?? ""),
    },
    text: [
      ...(isFlow ? [] : [posting.id, posting.name, posting.command ?? posting.entryPoint]),
      ...(isFlow ? [] : [posting.state, flow?.stage]),
      ...[flow?.name, posting.poster, posting.project, rowNote(row, lookup)],
    ].join(" "),
  };
}

export const factsOfPool = (row: TopPool): Facts => ({
  postingId: null,
  name: null,
  fields: {
    state: row.isStale ? `${row.state} stale` : row.state,
    host: row.host,
    pool: String(row.id),
  },
  text: `${row.id} ${row.host} ${row.pid} ${row.state} ${row.work}`,
});

export const factsOfFailure = (row: TopFailure): Facts => ({
  postingId: row.postingId,
  name: null,
  fields: { posting: String(row.postingId) },
  text: `${row.postingId} ${row.job} ${row.message} ${row.fingerprint}`,
});

export const factsOfJob = (postingId: number, job: TopJob): Facts => ({
  postingId: null,
  name: null,
  fields: {
    state: job.status,
    host: job.host ?? "",
    pool: String(job.poolId ?? ""),
    error: job.error === null ? "" : `${job.error.name}: ${job.error.message}`,
  },
  text: [
    `${postingId}/${job.index}`,
    job.status,
    job.host,
    job.args,
    job.error?.name,
    job.error?.message,
    job.note,
  ].join(" "),
});

/**
 * Whether a row matches all words of a filter. A word is a selector of the command line (42,
 * last, last:3, @name), a field (state:failed), or a text that is in it, in small or capital
 * letters. `newest` are the metrics of the newest postings, the newest first.
 */
export function filterOf(filter: string, newest: readonly number[]): (facts: Facts) => boolean {
  const tests = filter
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => testOf(word, newest));
  return (facts) => tests.every((passes) => passes(facts));
}

function testOf(word: string, newest: readonly number[]): (facts: Facts) => boolean {
  const small = word.toLowerCase();
  const [, field = "", wanted = ""] = /^(\w+):(.*)$/.exec(small) ?? [];
  const pick = pickOf(word);
  return (facts) => {
    const value = facts.fields[field];
    if (value !== undefined) return value.toLowerCase().includes(wanted);
    const isInText = () => facts.text.toLowerCase().includes(small);
    const isPosting = facts.postingId !== null || (pick?.by === "name" && facts.name !== null);
    switch (isPosting ? pick?.by : undefined) {
      case "number":
        return pick?.by === "number" && facts.postingId === pick.id;
      case "last":
        return pick?.by === "last" && newest.slice(0, pick.count).includes(facts.postingId ?? -1);
      case "name":
        return (pick?.by === "name" && facts.name === pick.name) || isInText();
      case undefined:
        return isInText();
    }
  };
}

/** Null if the word is not a selector, and so a text. */
function pickOf(word: string): PostingPick | null {
  try {
    return parseSelector(word).posting;
  } catch {
    return null;
  }
}
