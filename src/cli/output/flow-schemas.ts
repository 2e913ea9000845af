import * as v from "valibot";

import { flowStates, stageStates } from "../../domain/flow-status.ts";
import { count, id, JobCounts, moment, output, PostingState } from "./schema-parts.ts";

const FlowState = v.picklist(flowStates);
const StageState = v.picklist(stageStates);

const flow = {
  id,
  name: v.string(),
  state: FlowState,
  poster: v.string(),
  posterOs: v.string(),
  key: v.nullable(v.string()),
  postedAt: moment,
};

/** The output of the commands `flow …`. */
export const flowSchemas = {
  "flow post": output({
    /** Null with --dry-run. */
    id: v.nullable(id),
    name: v.string(),
    /** False if its --key existed before, or if nothing was posted. */
    isNew: v.boolean(),
    stages: v.array(
      v.object({
        stage: v.string(),
        /** Null with --dry-run. */
        posting: v.nullable(id),
        /** Null if it is not known yet, with --dry-run. */
        jobCount: v.nullable(count),
      }),
    ),
  }),
  "flow show": output({
    ...flow,
    /** The schedule that posted it, and the nominal time; null for none. */
    schedule: v.nullable(v.string()),
    scheduledAt: v.nullable(moment),
    stages: v.array(
      v.object({
        stage: v.string(),
        posting: id,
        entryPoint: v.string(),
        state: StageState,
        /** Why it was paused, stopped or cancelled, if a reason was given. */
        reason: v.nullable(v.string()),
        /** Why it cannot go on at present. */
        blockedBy: v.array(v.string()),
        waitsFor: v.array(
          v.object({
            posting: id,
            /** Null for a posting of no stage of this flow. */
            stage: v.nullable(v.string()),
            kind: v.string(),
            isMet: v.boolean(),
          }),
        ),
        jobCount: count,
        jobs: JobCounts,
      }),
    ),
  }),
  "flow list": output({
    flows: v.array(v.object({ ...flow, stages: count, done: count, jobs: JobCounts })),
    /** Whether there are more flows; list them with `--before`. */
    hasMore: v.boolean(),
  }),
  "flow wait": output({
    end: v.picklist(["ended", "stuck", "timed out"]),
    id,
    state: FlowState,
    stages: v.array(
      v.object({ stage: v.string(), posting: id, state: StageState, jobs: JobCounts }),
    ),
  }),
  "flow cancel": output({
    id,
    stages: v.array(
      v.object({ stage: v.string(), posting: id, state: PostingState, isChanged: v.boolean() }),
    ),
  }),
  "flow retry": output({
    id,
    stages: v.array(v.object({ stage: v.string(), posting: id, retried: count })),
  }),
  "flow resume": output({
    id,
    isDryRun: v.boolean(),
    stages: v.array(
      v.object({
        stage: v.string(),
        /** Null if it is to be posted, with --dry-run. */
        posting: v.nullable(id),
        isKept: v.boolean(),
        why: v.string(),
      }),
    ),
  }),
} as const;
