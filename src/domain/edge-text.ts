// What people read about the postings that a posting waits for.
import { edgeKinds } from "./option-values.ts";
import type { EdgeState, PostingState } from "./states.ts";

/** All kinds of edges: the jobs of a posting can also take the results of another one (`over`). */
export const allEdgeKinds = [...edgeKinds, "over"] as const;
export type AnyEdgeKind = (typeof allEdgeKinds)[number];

/** An edge: a posting waits, or has waited, for another one, its upstream. */
export interface EdgeFacts {
  postingId: number;
  upstreamId: number;
  kind: AnyEdgeKind;
  tolerateJobs: number | null;
  toleratePercent: number | null;
  state: EdgeState;
  metAt: Date | null;
  /** The role that met it by hand. */
  unblockedBy: string | null;
  /** Of an element-wise edge: the jobs that never run, because jobs of the upstream failed. */
  skipped: number;
  /** Why it is blocked, because of which posting, and how that is waited for. */
  cause: string | null;
  causeId: number | null;
  causeKind: AnyEdgeKind | null;
  /** Null if the posting does not exist any more. */
  causeState: PostingState | null;
  upstreamState: PostingState | null;
  upstreamWaits: boolean | null;
  upstreamHasEnded: boolean;
  /** The entry point or the command of the upstream. */
  work: string | null;
  /** The percentage of jobs of the upstream that have ended. */
  percent: number | null;
}

/** The number of postings that one line names at most. */
const maxNamed = 5;

export const kindTexts: Readonly<Record<AnyEdgeKind, string>> = {
  after: "",
  any: "the end of ",
  failed: "failures of ",
  start: "the start of ",
  each: "the jobs of ",
  over: "the jobs of ",
};

/** As in "41 (measure.ts#stars: 34 % done), the end of 40 (reduce.ts#frame: paused)". */
export function waitText(edges: readonly EdgeFacts[]): string {
  const unmet = edges.filter(({ state }) => state === "waiting" || state === "blocked");
  return listed(
    unmet.map((edge) => `${kindTexts[edge.kind]}${edge.upstreamId} (${edge.work}: ${now(edge)})`),
  );
}

/** The state of an upstream in a word or two. */
function now({ state, upstreamState, upstreamWaits, percent }: EdgeFacts): string {
  if (upstreamState === "errored_out") return "stopped";
  if (upstreamState === "paused") return "paused";
  if (upstreamWaits === true) return state;
  return `${percent} % done`;
}

/** Why a posting is blocked; null if it is not. As in "41 has 3 failed jobs". */
export function causeText(edges: readonly EdgeFacts[]): string | null {
  const causes = new Set(edges.flatMap(({ cause }) => (cause === null ? [] : [cause])));
  return causes.size === 0 ? null : listed([...causes]);
}

/** What helps a blocked posting, as commands. */
export function remedyText(id: number, edges: readonly EdgeFacts[]): string {
  const repairs = edges.flatMap((edge) => repairOf(edge) ?? []);
  const repair = [...new Set(repairs)].slice(0, maxNamed).join(" and ");
  return (
    (repair === "" ? "R" : `Repair it: ${repair}; or r`) +
    `un it anyway: pdoflow unblock ${id}; or give it up: pdoflow cancel ${id}`
  );
}

/** The command after which an edge can be met again; null if there is none. */
function repairOf({ cause, causeId, causeKind, causeState }: EdgeFacts): string | null {
  const isRetriable = causeState !== null && causeState !== "cancelled" && causeKind === "after";
  if (cause === null || !isRetriable) return null;
  const resume = causeState === "errored_out" ? ` && pdoflow resume ${causeId}` : "";
  return `pdoflow retry ${causeId} --failed${resume}`;
}

/** As in "is blocked: 41 has 3 failed jobs. Repair it: …"; null if it is not blocked. */
export function blockedText(id: number, edges: readonly EdgeFacts[]): string | null {
  const cause = causeText(edges);
  return cause === null ? null : `is blocked: ${cause}. ${remedyText(id, edges)}`;
}

/** What people should know about met edges, a sentence for each. */
export function metNotes(edges: readonly EdgeFacts[]): string[] {
  const unblocked = edges.filter(({ unblockedBy }) => unblockedBy !== null);
  const byWhom = new Set(
    unblocked.map(({ unblockedBy, metAt }) => `by ${unblockedBy} at ${metAt?.toISOString()}`),
  );
  const retried = edges.filter(
    ({ state, kind, unblockedBy, upstreamHasEnded, upstreamState }) =>
      state === "met" &&
      unblockedBy === null &&
      (kind === "after" || kind === "any") &&
      upstreamState !== null &&
      !upstreamHasEnded,
  );
  return [
    ...(unblocked.length === 0
      ? []
      : [
          `unblocked ${[...byWhom].join(", ")}: did not wait for ` +
            listed(unblocked.map(({ upstreamId }) => String(upstreamId))),
        ]),
    ...edges
      .filter(({ skipped }) => skipped > 0)
      .map(
        ({ skipped, upstreamId }) =>
          `skipped ${skipped}, because these jobs of ${upstreamId} failed or were cancelled; run ` +
          `them too: pdoflow retry ${upstreamId}`,
      ),
    ...retried.map((edge) => `${edge.upstreamId} was retried after it had been waited for`),
  ];
}

/** The first of some texts, and how many more there are. */
export function listed(texts: readonly string[]): string {
  const more = texts.length > maxNamed ? ` and ${texts.length - maxNamed} more` : "";
  return texts.slice(0, maxNamed).join(", ") + more;
}

/** The tolerance of an edge as text: "10", "1%", or null. */
export function toleranceOf({
  tolerateJobs,
  toleratePercent,
}: Pick<EdgeFacts, "tolerateJobs" | "toleratePercent">): string | null {
  if (tolerateJobs !== null) return String(tolerateJobs);
  return toleratePercent === null ? null : `${toleratePercent}%`;
}
