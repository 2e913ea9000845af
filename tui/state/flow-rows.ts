import type { Snapshot, TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import { jobStatuses, noJobs } from "../../src/domain/states.ts";
import { plural } from "../draw/words.ts";
import {
  flowNote,
  flowState,
  type Lookup,
  noteOf,
  type ShownState,
  shownState,
} from "./posting-state.ts";

/** A row of the list of postings: a posting, a flow, or a stage of a flow that is open. */
export interface ListRow {
  key: string;
  kind: "posting" | "flow" | "stage";
  /** The posting; of a flow, the sums of its stages, with its number and name. */
  posting: TopPosting;
  /** The stages of a flow, in the order of their posting: the newest posting of each. */
  stages: readonly TopPosting[];
  isOpen: boolean;
}

/** The number of a flow in its key; null for the key of a posting. */
export const flowOfKey = (key: string): number | null =>
  key.startsWith("flow ") ? Number(key.slice(5)) : null;

const keyOfFlow = (id: number): string => `flow ${id}`;

export const keyOfRow = ({ key }: ListRow): string => key;

const rowOf = (posting: TopPosting, kind: "posting" | "stage"): ListRow => ({
  ...{ key: String(posting.id), kind, posting, stages: [], isOpen: false },
});

/** The postings of a snapshot as rows, with flows folded. */
interface Folded {
  rows: readonly ListRow[];
  lookup: Lookup;
  /** Whether a posting waits for others, so that the list has to say why. */
  hasWaiting: boolean;
}

const foldedOf = new WeakMap<Snapshot, Folded>();
const none: Folded = { rows: [], lookup: () => undefined, hasWaiting: false };

/** Folds the flows of a snapshot, once. */
export function foldFlows(snapshot: Snapshot | null): Folded {
  if (snapshot === null) return none;
  const known = foldedOf.get(snapshot);
  if (known) return known;
  const { postings } = snapshot;
  const byFlow = Map.groupBy(postings, ({ flow }) => flow?.id ?? null);
  const seen = new Set<number>();
  const rows = postings.flatMap((posting): ListRow[] => {
    if (posting.flow === null) return [rowOf(posting, "posting")];
    const { id } = posting.flow;
    if (seen.has(id)) return [];
    seen.add(id);
    return [flowRow(id, newestOf(byFlow.get(id) ?? []))];
  });
  const byId = new Map(postings.map((posting) => [posting.id, posting]));
  const hasWaiting = postings.some(({ waits, isBlocked }) => waits || isBlocked);
  const folded: Folded = { rows, lookup: (id) => byId.get(id), hasWaiting };
  foldedOf.set(snapshot, folded);
  return folded;
}

/** The newest posting of each stage (F2), in the order of their posting. */
function newestOf(postings: readonly TopPosting[]): TopPosting[] {
  const ordered = postings.toSorted((a, b) => a.id - b.id);
  return [...new Map(ordered.map((each) => [each.flow?.stage, each])).values()].toSorted(
    (a, b) => a.id - b.id,
  );
}

function flowRow(id: number, stages: readonly TopPosting[]): ListRow {
  return {
    ...{ key: keyOfFlow(id), kind: "flow", stages, isOpen: false },
    posting: totalOf(id, stages),
  };
}

/** The stages of a flow as one posting. */
function totalOf(id: number, stages: readonly TopPosting[]): TopPosting {
  const [first] = stages;
  if (!first) throw new Error("expected a flow with stages, found one without");
  // The jobs of a stage that is not needed would keep the flow from 100 %.
  const needed = stages.filter(({ isSkipped }) => !isSkipped);
  const jobs = { ...noJobs };
  for (const one of needed) for (const status of jobStatuses) jobs[status] += one.jobs[status];
  const priorities = stages.flatMap(({ priority }) => priority ?? []);
  const end = Math.max(...needed.map(({ endedAt }) => endedAt?.getTime() ?? Infinity));
  return {
    ...first,
    ...{ id, name: first.flow?.name ?? null, command: null, jobs },
    entryPoint: plural(stages.length, "stage"),
    jobCount: needed.reduce((sum, { jobCount }) => sum + jobCount, 0),
    priority: priorities.length === 0 ? null : Math.max(...priorities),
    endedAt: Number.isFinite(end) ? new Date(end) : null,
  };
}

/** The number of stages that have ended, or are not needed. */
export const endedStages = (stages: readonly TopPosting[]): number =>
  stages.filter(({ endedAt, isSkipped }) => endedAt !== null || isSkipped).length;

/** The rows of a flow's stages. */
export const stageRows = ({ stages }: ListRow): ListRow[] =>
  stages.map((stage) => rowOf(stage, "stage"));

/** The postings that an action on a row changes. */
export const postingsOfRow = ({ kind, posting, stages }: ListRow): readonly TopPosting[] =>
  kind === "flow" ? stages : [posting];

export const rowState = ({ kind, posting, stages }: ListRow): ShownState =>
  kind === "flow" ? flowState(stages) : shownState(posting);

export const rowNote = ({ kind, posting, stages }: ListRow, lookup: Lookup): string =>
  kind === "flow" ? flowNote(stages, lookup) : noteOf(posting, lookup);

export function rowName({ kind, posting }: ListRow): string {
  const { name, command, entryPoint, flow } = posting;
  if (kind === "flow") return name ?? `flow ${posting.id}`;
  if (kind === "stage" && flow) return flow.stage;
  return name ?? command ?? entryPoint;
}
