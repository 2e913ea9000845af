import { type Profiler, Session } from "node:inspector";
import { join } from "node:path";

import type { Profile, Stacks } from "../../db/engine/profiles.ts";

type StackFrame = Profiler.ProfileNode["callFrame"];

const intervalUs = 1_000;
/** The maximum number of stacks that are reported of one job, and of characters of a stack. */
const stacksMax = 500;
const longestStack = 4_000;

/** The path of this program, whose frames are left out: the binary has a virtual folder. */
const inBinary = "/$bunfs/";
const program = import.meta.dir.startsWith(inBinary) ? inBinary : join(import.meta.dir, "../..");

/** Samples the running functions of a share of the jobs, with the profiler of the runtime. */
export class Sampler {
  readonly #share: number;
  readonly #root: string;
  readonly #session = new Session();

  /** Samples this share of the jobs, in (0, 1]; names files below `root` by their relative path. */
  constructor(share: number, root: string) {
    this.#share = share;
    this.#root = root;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.setSamplingInterval", { interval: intervalUs });
  }

  /** Begins to sample this job; null if it is not sampled. */
  begin(): { end: () => Promise<Profile> } | null {
    if (Math.random() >= this.#share) return null;
    this.#session.post("Profiler.start");
    return { end: () => this.#end() };
  }

  /** @throws an error of the profiler. */
  async #end(): Promise<Profile> {
    const profile = await new Promise<Profiler.Profile>((resolve, reject) => {
      this.#session.post("Profiler.stop", (error, stopped) =>
        error === null ? resolve(stopped.profile) : reject(error),
      );
    });
    return { jobs: 1, stacks: stacksIn(profile, (frame) => this.#name(frame)) };
  }

  /** "name path:line"; null for frames of this program and of the runtime. */
  #name({ functionName, url, lineNumber }: StackFrame): string | null {
    const path = url.replace(/^file:\/\//, "");
    if (path.startsWith(program)) return null;
    if (functionName === "(root)") return null;
    const name = functionName === "" ? "(anonymous)" : functionName;
    if (path === "") return `${name} (native)`;
    const relativePath = path.startsWith(`${this.#root}/`)
      ? path.slice(this.#root.length + 1)
      : path;
    return `${name} ${relativePath}${lineNumber > 0 ? `:${lineNumber}` : ""}`;
  }
}

/** The stacks of a profile, with their counts, without the frames outside of the job. */
export function stacksIn(
  { nodes, samples = [] }: Profiler.Profile,
  nameOf: (frame: StackFrame) => string | null,
): Stacks {
  const parents = new Map<number, number>();
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const counts = new Map<number, number>();
  for (const sample of samples) counts.set(sample, (counts.get(sample) ?? 0) + 1);
  const stacks = new Map<string, number>();
  for (const [leaf, count] of counts) {
    const names: string[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const frame = frames.get(id);
      const name = frame ? nameOf(frame) : null;
      if (name === null) {
        // Functions called by the job are inside of this; callers of the job are outside, and left
        // out.
        if (names.length > 0 && frame && frame.functionName !== "(root)") break;
        continue;
      }
      names.unshift(name.replaceAll("\n", " "));
    }
    while (names[0] !== undefined && / (\(native\)|node:\S*)$/.test(names[0])) names.shift();
    const stack = names.join("\n").slice(0, longestStack).toWellFormed().replaceAll("\0", "");
    if (stack !== "") stacks.set(stack, (stacks.get(stack) ?? 0) + count);
  }
  const most = [...stacks].sort(([, a], [, b]) => b - a).slice(0, stacksMax);
  return Object.fromEntries(most);
}
