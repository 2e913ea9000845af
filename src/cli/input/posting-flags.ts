import { Option } from "clipanion";
import * as v from "valibot";

import { parseNeeds } from "../../domain/capabilities.ts";
import {
  type FlagOption,
  optionList,
  type PostingFlag,
  postingOptions,
} from "../../domain/posting-options.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { duration, momentOrDuration } from "../shell/flag-values.ts";

const flagged = optionList.flatMap(({ flag, ...option }) => (flag ? [{ ...option, flag }] : []));

/** The meaning of the text of a flag. */
const kinds: Record<PostingFlag["kind"], v.GenericSchema> = {
  text: v.string(),
  number: v.pipe(v.string(), v.transform(Number)),
  // A percentage is another option: see failureLimit.
  "number or percentage": v.pipe(
    v.string(),
    v.regex(
      /^([1-9]\d*|\d+(\.\d+)?%)$/,
      "expected a number of jobs such as 100, or a percentage such as 5%",
    ),
    v.check(
      (text) => Number.parseFloat(text) <= (text.endsWith("%") ? 100 : 2 ** 31 - 1),
      "expected at most 100%, or at most 2147483647 jobs",
    ),
  ),
  duration,
  moment: momentOrDuration,
  needs: v.pipe(v.string(), v.transform(parseNeeds)),
  "off switch": v.pipe(
    v.boolean(),
    v.transform((isGiven) => !isGiven),
  ),
};

type FlagValue<K extends FlagOption> = (typeof postingOptions)[K]["flag"] extends {
  kind: "number or percentage";
}
  ? string
  : v.InferOutput<(typeof postingOptions)[K]["schema"]["wrapped"]>;

/** By option: the value of its flag; undefined if it was not given. */
export const flagValues = Object.fromEntries(
  flagged.map(({ name, schema, flag: { kind } }) => {
    const isRange = kind === "number or percentage";
    return [name, v.optional(isRange ? kinds[kind] : v.pipe(kinds[kind], schema.wrapped))];
  }),
) as {
  [K in FlagOption]: v.OptionalSchema<v.GenericSchema<unknown, FlagValue<K>>, undefined>;
};

/** By option: its flag, as in `--timeout` for timeoutMs. */
export const flagNames: Readonly<Record<string, string>> = Object.fromEntries(
  flagged.map(({ name, flag }) => [name, flag.name]),
);

/** A command with the flags of the options of a posting, each in a field named as the option. */
export abstract class PostingFlags extends PdoflowCommand {
  // What commands read as it was typed.
  declare readonly key: string | undefined;
  declare readonly name: string | undefined;
  declare readonly project: string | undefined;
  declare readonly runAt: string | undefined;
  declare readonly deadline: string | undefined;
  declare readonly startBy: string | undefined;
  declare readonly ifBlocked: string | undefined;

  constructor(command: "post" | "run") {
    super();
    for (const { name, flag, help: description = "" } of flagged) {
      if (flag.isPostOnly && command !== "post") continue;
      const isSwitch = flag.kind === "off switch";
      const option = isSwitch
        ? Option.Boolean(flag.name, false, { description })
        : Option.String(flag.name, { description });
      Object.assign(this, { [name]: option });
    }
  }
}

/** "100" is a number of jobs, "5%" a percentage. */
export function failureLimit(text: string | undefined) {
  if (text === undefined) return {};
  const limit = Number.parseFloat(text);
  return text.endsWith("%") ? { maxFailuresPercent: limit } : { maxFailures: limit };
}
