import type { Break } from "./breaks.ts";

/** Faults of edges, each of which the model of edges has to find. */
export const edgeBreaks: readonly Break[] = [
  {
    name: "an edge is met although jobs failed",
    routine: "is_met",
    find: "p_upstream.failed + p_upstream.cancelled",
    instead: "p_upstream.cancelled",
  },
  {
    name: "an edge is met although jobs were cancelled",
    routine: "is_met",
    find: "p_upstream.failed + p_upstream.cancelled",
    instead: "p_upstream.failed",
  },
  {
    name: "a posting is opened when one of its edges is met",
    routine: "open_met",
    find: "where e.posting_id = p.id and e.met_at is null and not e.lapsed",
    instead: "where false",
  },
  {
    name: "a paused posting is opened with its last edge",
    routine: "open_met",
    find: "and p.state = 'open' and p.run_at is null",
    instead: "and p.run_at is null",
  },
  {
    name: "resuming opens a posting that waits",
    routine: "resume_postings",
    find: "p.run_at is not null or p.waits",
    instead: "p.run_at is not null",
  },
  {
    name: "failures above an upstream do not block",
    routine: "obstacles",
    find: "p.waits and e.met_at is null and not e.lapsed or e.feeds",
    instead: "e.feeds",
  },
  {
    name: "the tolerance in percent is ignored",
    routine: "tolerated",
    find: "floor(((p_edge.tolerate_percent)::numeric * (p_jobs)::numeric) / (100)::numeric)",
    instead: "0",
  },
  {
    name: "a cancelled posting still waits",
    routine: "cancel_postings",
    find: ", waits = false",
    instead: "",
  },
  {
    name: "prune deletes the upstream of a posting that waits",
    routine: "is_kept_by_edge",
    find: "is not true",
    instead: "is null and false",
  },
];
