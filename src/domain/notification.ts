import * as v from "valibot";

import type { Need } from "./capabilities.ts";

/** The entry point of notifications, which only the database posts; see sql/. */
export const notificationEntryPoint = "pdoflow:notify";

const prefix = "notify.";

/** The receiver that a pool must notify to run a job; null for another need. */
export const receiverOf = ([key]: Need): string | null =>
  key.startsWith(prefix) ? key.slice(prefix.length) : null;

/** What a pool provides that notifies these receivers. */
export const providesOf = (receivers: readonly string[]): Record<string, true> =>
  Object.fromEntries(receivers.map((name) => [`${prefix}${name}`, true]));

const text = v.nullable(v.string());
const count = v.number();

const shared = {
  id: count,
  name: text,
  state: v.string(),
  jobs: v.object({ total: count, done: count, failed: count, cancelled: count }),
  failures: v.array(v.object({ fingerprint: v.string(), count, name: text, message: text })),
  postedAt: v.string(),
  endedAt: v.string(),
  durationMs: count,
  ending: count,
};

/** What is sent about a posting or a flow that came to rest; see sql/engine/notification.sql. */
export const Report = v.variant("kind", [
  v.object({
    kind: v.literal("posting"),
    ...shared,
    flow: v.nullable(v.object({ id: count, name: v.string() })),
    stage: text,
    schedule: text,
    scheduledAt: text,
    entryPoint: v.string(),
    command: text,
    reason: text,
  }),
  v.object({
    kind: v.literal("flow"),
    ...shared,
    stages: v.array(
      v.object({ stage: v.string(), posting: count, state: v.string(), failed: count }),
    ),
  }),
]);
export type Report = v.InferOutput<typeof Report>;

/** The arguments of the job of a notification. */
export const Notification = v.tuple([v.string(), v.string(), Report]);
