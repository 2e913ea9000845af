// The options of a posting, each in one entry: its values and default, its flag on the command
// line, and whether it is signed. Its comment is its documentation: in editors, and in the tables
// of docs/library.md and docs/sql.md. CONTRIBUTING.md describes how to add one.
import * as v from "valibot";

import {
  CommandText,
  Edges,
  int32Max,
  Key,
  milliseconds,
  Name,
  NeedsOfJobs,
  orNull,
  Percentage,
  Project,
  Receivers,
  ShortName,
  TimeLimit,
  Traceparent,
  whole,
} from "./option-values.ts";
import { Rate } from "./rate.ts";

/** How an option is written on the command line of `post` and `run`. */
export interface PostingFlag {
  name: `--${string}`;
  /** What its value is called in help; of a switch, "". */
  value: string;
  kind: "text" | "number" | "number or percentage" | "duration" | "moment" | "needs" | "off switch";
  /** Whether only `post` has it. */
  isPostOnly?: true;
}

interface PostingOption {
  schema: v.OptionalSchema<v.GenericSchema, unknown>;
  flag?: PostingFlag;
  help?: string;
  /** How the option of a signed posting may differ from its signature when a pool runs it. */
  signed?: "unchanged" | "or stricter";
  /** For options that the library lacks: whether SQL has it, or only PDOFlow itself uses it. */
  api?: "sql" | "none";
}

export const postingOptions = {
  /**
   * A name for people and for selectors: `pdoflow status @night` shows the newest posting with this
   * name.
   */
  name: {
    schema: orNull(Name),
    flag: { name: "--name", value: "NAME", kind: "text" },
    help: "name the posting; @NAME selects the newest posting with that name",
  },
  /**
   * Jobs with a higher priority run first: a 32-bit integer, or a list with one for each job
   * (default: 0).
   */
  priority: {
    schema: v.optional(whole(-int32Max - 1, int32Max), 0),
    flag: { name: "--priority", value: "N", kind: "number" },
    help: "run jobs with a higher priority first, as in --priority=-1 (default: 0)",
  },
  /** The number of attempts after which a job has failed: 1 to 1000 (default: 3). */
  maxAttempts: {
    schema: v.optional(whole(1, 1000), 3),
    flag: { name: "--max-attempts", value: "N", kind: "number" },
    help: "try each job at most N times (default: 3)",
    signed: "unchanged",
  },
  /**
   * The wait after the first failure in milliseconds, doubled after each further failure, up to an
   * hour (default: 1000).
   */
  backoffMs: {
    schema: v.optional(milliseconds(0), 1000),
    flag: { name: "--backoff", value: "DURATION", kind: "duration" },
    help: "wait this long before a retry, doubled with each attempt (default: 1s)",
    signed: "unchanged",
  },
  /**
   * Kill an attempt that runs longer than this many milliseconds; the attempt has failed (default:
   * none).
   */
  timeoutMs: {
    schema: orNull(milliseconds(1)),
    flag: { name: "--timeout", value: "DURATION", kind: "duration" },
    help: "kill an attempt that runs longer than this (default: none)",
    signed: "unchanged",
  },
  /** The time between SIGTERM and SIGKILL in milliseconds, when a job is killed (default: 5000). */
  graceMs: {
    schema: v.optional(milliseconds(0), 5000),
    flag: { name: "--grace", value: "DURATION", kind: "duration" },
    help: "when killing a job, wait this long between SIGTERM and SIGKILL (default: 5s)",
    signed: "unchanged",
  },
  /**
   * Stop the posting when N jobs have failed and none is done, not counting retries; 0 for never
   * (default: 20).
   */
  stopAfter: {
    schema: v.optional(whole(0, int32Max), 20),
    flag: { name: "--stop-after", value: "N", kind: "number" },
    help:
      "stop the posting when N jobs have failed and none is done, not counting retries, 0 for " +
      "never (default: 20)",
  },
  /** Whether to keep the return values of the jobs (default: true). */
  keepsResults: {
    schema: v.optional(v.boolean("expected true or false"), true),
    flag: { name: "--no-results", value: "", kind: "off switch", isPostOnly: true },
    help: "do not keep the return values of the jobs",
    signed: "unchanged",
  },
  /**
   * Keep job output for: `"none"`, `"failures"` or `"all"`; up to 64 KiB of stdout and of stderr
   * (default: `"failures"`).
   */
  keepsOutput: {
    schema: v.optional(
      v.picklist(["none", "failures", "all"], "expected none, failures or all"),
      "failures",
    ),
    flag: { name: "--output", value: "WHICH", kind: "text" },
    help: "keep job output for: none, failures or all (default: failures)",
    signed: "unchanged",
  },
  /** At most N of its jobs run at the same time, in all pools together (default: no limit). */
  maxRunning: {
    schema: orNull(whole(1, int32Max)),
    flag: { name: "--max-running", value: "N", kind: "number" },
    help: "run at most N of the jobs at the same time, in all pools (default: none)",
    signed: "or stricter",
  },
  /**
   * At most N attempts start in a period, in all pools together: `"10/s"`, `"100/m"`, `"1000/h"`
   * (default: no limit).
   */
  maxRate: {
    schema: orNull(Rate),
    flag: { name: "--max-rate", value: "N/TIME", kind: "text" },
    help:
      "start at most N of the jobs per time, in all pools: 10/s, 100/m or 1000/h (default: " +
      "none)",
    signed: "or stricter",
  },
  /**
   * What a job takes of the resources of its pool while it runs, such as `["gpu", "=", 1]`, and
   * what the pool must have: `["mem", ">=", 17179869184]`, `["model", "=", "a100"]` or `["disk",
   * "has"]` (default: nothing).
   */
  needs: {
    schema: v.optional(NeedsOfJobs, []),
    flag: { name: "--needs", value: "LIST", kind: "needs", isPostOnly: true },
    help:
      "what each job takes of a pool, such as cpus=4,mem=8G,gpu=1, and what the pool must have, " +
      "such as mem>=16G or model=a100 (docs/resources.md)",
    signed: "or stricter",
  },
  /** Stop the posting when N of its jobs have permanently failed (default: no limit). */
  maxFailures: {
    schema: orNull(whole(1, int32Max)),
    flag: { name: "--max-failures", value: "N|P%", kind: "number or percentage" },
    help:
      "stop the posting after N jobs, or more than P% of them, have permanently failed " +
      "(default: none)",
  },
  /**
   * Stop the posting when more than P percent of its jobs have permanently failed (default: no
   * limit).
   */
  maxFailuresPercent: {
    schema: orNull(Percentage),
  },
  /**
   * Start no job before this time, such as `"2026-01-01T02:00:00Z"`, or this many milliseconds
   * after it was posted; in TypeScript also a Date (default: at once).
   */
  runAt: {
    schema: orNull(TimeLimit),
    flag: { name: "--run-at", value: "TIME", kind: "moment" },
    help:
      "start no job before this time: 1h after posting, 02:00, tomorrow 02:00, 2026-01-01 or " +
      "2026-01-01T02:00, in local time, or with a UTC offset",
  },
  /**
   * The postings to wait for: `[{"posting": 41, "kind": "after"}]`, with the kind `after`, `any`,
   * `failed`, `start` or `each`, and for `after` also `tolerateJobs` and `toleratePercent`
   * (docs/flows.md; default: none).
   */
  after: {
    schema: v.optional(Edges, []),
    api: "sql",
  },
  /**
   * If a posting to wait for can no longer be as required: `"hold"` until that is repaired,
   * `"cancel"`, or `"run"` all the same (default: `"hold"`).
   */
  ifBlocked: {
    schema: v.optional(
      v.picklist(["hold", "cancel", "run"], "expected hold, cancel or run"),
      "hold",
    ),
    flag: { name: "--if-blocked", value: "WHAT", kind: "text", isPostOnly: true },
    help: "if a posting that it waits for fails: hold, cancel or run this one (default: hold)",
  },
  /**
   * Cancel the posting if it has not ended at this time, such as `"2026-01-01T02:00:00Z"`, or this
   * many milliseconds after it was posted; in TypeScript also a Date (default: none).
   */
  deadline: {
    schema: orNull(TimeLimit),
    flag: { name: "--deadline", value: "TIME", kind: "moment", isPostOnly: true },
    help:
      "cancel the posting if it has not ended by this time: 6h after posting, 18:00 or as in " +
      "--run-at",
  },
  /**
   * Cancel the posting if none of its jobs has begun at this time; as for `deadline` (default:
   * none).
   */
  startBy: {
    schema: orNull(TimeLimit),
    flag: { name: "--start-by", value: "TIME", kind: "moment", isPostOnly: true },
    help: "cancel the posting if none of its jobs has begun by this time, as in --deadline",
  },
  /**
   * `pdoflow prune` does not delete the posting until this many milliseconds after its end
   * (default: none).
   */
  keepMs: {
    schema: orNull(milliseconds(0, 100)),
    flag: { name: "--keep", value: "DURATION", kind: "duration" },
    help: "protect the posting from prune for this long after it ends, such as 30d",
  },
  /**
   * When the posting has ended, notify these receivers of a pool with `--notify-from`: `"slack"`,
   * `"slack,mail"` (docs/notifications.md; default: none).
   */
  onEnd: {
    schema: orNull(Receivers),
    flag: { name: "--on-end", value: "NAMES", kind: "text", isPostOnly: true },
    help: "notify these receivers when the posting has ended, such as slack,mail",
  },
  /**
   * The same only if it ends with failed jobs, is stopped because of failures, is blocked for good,
   * or is cancelled by its deadline (default: none).
   */
  onFailure: {
    schema: orNull(Receivers),
    flag: { name: "--on-failure", value: "NAMES", kind: "text", isPostOnly: true },
    help: "notify these receivers only if the posting has failed or cannot go on",
  },
  /**
   * The trace that the posting belongs to, as a W3C `traceparent`: the spans of its jobs link to it
   * (docs/metrics.md; default: none).
   */
  traceparent: {
    schema: orNull(Traceparent),
    flag: { name: "--traceparent", value: "CONTEXT", kind: "text", isPostOnly: true },
    help: "link the spans of its jobs to this W3C trace context (pool --otlp)",
  },
  /** Post only once: posting a key again returns the existing posting. */
  key: {
    schema: orNull(Key),
    flag: { name: "--key", value: "KEY", kind: "text", isPostOnly: true },
    help: "post at most once: if this key exists, print the number of its posting instead",
  },
  /**
   * Replace the posting with this key that still waits: of several postings in a row, only the
   * newest runs.
   */
  jobKey: { schema: orNull(Key) },
  /** The project whose pools run the jobs, `"*"` for all pools (docs/code.md). */
  project: {
    schema: orNull(Project),
    flag: { name: "--project", value: "NAME", kind: "text" },
    help:
      "let only pools of this project run the jobs, '*' for all pools (default: derived " +
      "from the root)",
  },
  /**
   * Have the jobs read the results of this posting, with `currentJob().upstream.results()`
   * (default: none).
   */
  gather: {
    schema: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
    api: "sql",
  },
  /**
   * With `gather`: job i reads the results of the jobs from i × N to before (i + 1) × N (default:
   * one job reads all).
   */
  gatherSize: {
    schema: orNull(whole(2, int32Max)),
    api: "sql",
  },
  /** The number of the flow that the posting belongs to (docs/flows.md); with `stage`. */
  flowId: {
    schema: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
    api: "sql",
  },
  /** The name of its stage in that flow. If a stage is posted again, its newest posting counts. */
  stage: {
    schema: orNull(Name),
    api: "sql",
  },
  /** The operating system user of the poster, for people. */
  osUser: {
    schema: v.optional(ShortName, ""),
    api: "sql",
  },
  /** The command line of `post -- COMMAND`, for people: its jobs have the words that are run. */
  command: {
    schema: orNull(CommandText),
    api: "none",
  },
  /** The `pdoflow run` whose own pool alone runs the jobs (R2). */
  run: {
    schema: v.optional(ShortName, ""),
    api: "none",
  },
} satisfies Record<string, PostingOption>;

type OptionTable = typeof postingOptions;
export type OptionName = keyof OptionTable;
type NameWith<Property> = {
  [K in OptionName]: OptionTable[K] extends Property ? K : never;
}[OptionName];
export type FlagOption = NameWith<{ flag: object }>;
export type SignedOption = NameWith<{ signed: string }>;
export type UnchangedOption = NameWith<{ signed: "unchanged" }>;
/** The options that pools run jobs by. */
export type RunOption = UnchangedOption | "stopAfter";

/** The options that the library has too. */
export type LibraryOption = Exclude<OptionName, NameWith<{ api: string }>>;

/** Some options as they can be given; each has its comment from above. */
export type OptionsInput<Names extends OptionName> = {
  [K in keyof OptionTable as K & Names]?: v.InferInput<OptionTable[K]["schema"]> | undefined;
};

/** All options with their names, in the order of their entries. */
export const optionList = Object.entries<PostingOption>(postingOptions).map(([name, option]) => ({
  name: name as OptionName,
  ...option,
}));

const namesOf = <Names extends OptionName>(isOne: (option: PostingOption) => boolean) =>
  optionList.filter(isOne).map(({ name }) => name as Names);

export const signedOptions = namesOf<SignedOption>(({ signed }) => signed !== undefined);
export const unchangedOptions = namesOf<UnchangedOption>(({ signed }) => signed === "unchanged");

const schemasOf = <Names extends OptionName>(names: readonly Names[]) =>
  Object.fromEntries(names.map((name) => [name, postingOptions[name].schema])) as {
    [K in Names]: OptionTable[K]["schema"];
  };

/** @internal The schemas of the options that the library has. */
export const librarySchemas = schemasOf(namesOf<LibraryOption>(({ api }) => api === undefined));

/** @internal All options of a posting, with their defaults. */
export const PostingOptions = v.object(schemasOf(namesOf<OptionName>(() => true)));
/** @internal */
export type PostingOptions = v.InferOutput<typeof PostingOptions>;
