import { Option } from "clipanion";
import * as v from "valibot";

import type { LimitRow, NewLimits } from "../../db/engine/control.ts";
import { type FlagOption, postingOptions } from "../../domain/posting-options.ts";
import { rateText } from "../../domain/rate.ts";
import { durationText } from "../output/duration-text.ts";
import { parseFlags } from "../shell/flags.ts";
import { failureLimit, flagNames, flagValues } from "./posting-flags.ts";

/** Not a union, which would not say what the schema expects. */
const orNone = <T>(schema: v.GenericSchema<unknown, T>) =>
  v.optional(
    v.lazy((text): v.GenericSchema<unknown, T | "none"> => {
      return text === "none" ? v.literal("none") : schema;
    }),
  );

const Limits = v.object({
  maxRunning: orNone(flagValues.maxRunning.wrapped),
  maxRate: orNone(flagValues.maxRate.wrapped),
  stopAfter: flagValues.stopAfter,
  maxFailures: orNone(flagValues.maxFailures.wrapped),
  maxAttempts: flagValues.maxAttempts,
  backoffMs: flagValues.backoffMs,
  timeoutMs: orNone(flagValues.timeoutMs.wrapped),
});

/** The options that change how a posting that exists is run, as fields of a command. */
export const changeFlags = () =>
  Object.fromEntries(
    (["stopAfter", "maxFailures", "maxAttempts", "backoffMs", "timeoutMs"] as const).map((name) => [
      name,
      flagOf(name),
    ]),
  );

/** The same, and the limits of all pools together. */
export const limitFlags = () => ({
  maxRunning: flagOf("maxRunning"),
  maxRate: flagOf("maxRate"),
  ...changeFlags(),
});

/** The help without the default: a posting that exists keeps what it has. */
function flagOf(name: FlagOption) {
  const { flag, help } = postingOptions[name];
  const what = help.replace(/,? ?\(default: [^)]*\)$/, "");
  const none = help.endsWith("(default: none)") ? ", or `none`" : "";
  return Option.String(flag.name, { description: `${what}${none}` });
}

/** The changes that the flags of a command describe; null if none was given. */
export function parseLimits(command: object): NewLimits | null {
  const { maxFailures, ...rest } = parseFlags(Limits, command, flagNames);
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const isFree = maxFailures === "none" ? undefined : maxFailures;
  const failures =
    maxFailures === undefined
      ? {}
      : { maxFailures: null, maxFailuresPercent: null, ...failureLimit(isFree) };
  const limits: NewLimits = {
    ...Object.fromEntries(given.map(([name, value]) => [name, value === "none" ? null : value])),
    ...failures,
  };
  return Object.keys(limits).length === 0 ? null : limits;
}

/** As in "max running 4, max rate none, stop after 20, …". */
export function limitsText(row: LimitRow): string {
  const { maxRunning, stopAfter, maxFailures, maxFailuresPercent, maxAttempts } = row;
  const share = maxFailuresPercent === null ? null : `${maxFailuresPercent}%`;
  return [
    `max running ${maxRunning ?? "none"}`,
    `max rate ${rateText(row.rateCount, row.rateMs) ?? "none"}`,
    `stop after ${stopAfter === 0 ? "none" : stopAfter}`,
    `max failures ${maxFailures ?? share ?? "none"}`,
    `max attempts ${maxAttempts}`,
    `backoff ${durationText(row.backoffMs)}`,
    `timeout ${row.timeoutMs === null ? "none" : durationText(row.timeoutMs)}`,
  ].join(", ");
}
