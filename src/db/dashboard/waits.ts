import type { EdgeOfQueue, TopEdge, TopPosting } from "./top-snapshot.ts";

/** What a posting waits for. */
export type Waits = Pick<TopPosting, "waitsFor" | "isBlocked" | "isSkipped" | "skippedJobs">;

/** Why a posting is blocked, and whether that is more than the lack of a failure. */
interface Blockage {
  causes: readonly string[];
  isSerious: boolean;
}

const mostCauses = 5;

/** What each posting waits for, and why it is blocked, also by postings that wait themselves. */
export function waitsOf(edges: readonly EdgeOfQueue[]): (id: number) => Waits {
  const byPosting = new Map<number, EdgeOfQueue[]>();
  for (const edge of edges) {
    const known = byPosting.get(edge.postingId);
    if (known) known.push(edge);
    else byPosting.set(edge.postingId, [edge]);
  }
  const blocks = new Map<number, Blockage>();
  // Upstreams have lower numbers (W1), so that they come first.
  for (const id of [...byPosting.keys()].toSorted((a, b) => a - b)) {
    const block = blockOf(byPosting.get(id) ?? [], blocks);
    if (block) blocks.set(id, block);
  }
  return (id) => {
    const own = byPosting.get(id) ?? [];
    const block = blocks.get(id);
    return {
      waitsFor: own.map((edge) => edgeOf(edge, blocks)),
      isBlocked: block?.isSerious === true,
      isSkipped: block?.isSerious === false,
      skippedJobs: own.reduce((sum, { skipped }) => sum + skipped, 0),
    };
  };
}

function blockOf(
  edges: readonly EdgeOfQueue[],
  blocks: ReadonlyMap<number, Blockage>,
): Blockage | undefined {
  const causes = new Set<string>();
  let isSerious = false;
  for (const edge of edges) {
    if (edge.isMet || edge.hasLapsed || !edge.isHeld) continue;
    if (edge.cause !== null) {
      causes.add(edge.cause);
      // It waits for a failure, and there was none: nothing has to be repaired.
      isSerious ||= edge.kind !== "failed" || !edge.hasEnded;
    }
    const above = blocks.get(edge.upstreamId);
    for (const cause of above?.causes ?? []) if (causes.size < mostCauses) causes.add(cause);
    isSerious ||= above?.isSerious === true;
  }
  return causes.size === 0 ? undefined : { causes: [...causes].slice(0, mostCauses), isSerious };
}

function edgeOf(edge: EdgeOfQueue, blocks: ReadonlyMap<number, Blockage>): TopEdge {
  const { upstreamId: posting, kind } = edge;
  if (edge.isMet) return { posting, kind, state: "met", cause: null };
  if (edge.hasLapsed) return { posting, kind, state: "lapsed", cause: null };
  const cause = edge.cause ?? blocks.get(posting)?.causes[0] ?? null;
  return { posting, kind, state: cause === null ? "waiting" : "blocked", cause };
}
