// What must compile, and what must not, for users of the package. Nothing here is run.
import { ClusterPool, findPosting, job, type JobResult, type Posting, type Stage } from "pdoflow";
import { currentJob, flow, gather, post, postWork, product, range, reduce } from "pdoflow";
import { Registry, type UpstreamResult, Value, variables } from "pdoflow";

type IsAny<A> = 0 extends 1 & A ? 1 : 0;
type Fits<A, B> = [A] extends [B] ? ([B] extends [A] ? 1 : 0) : 0;
type Same<A, B> = [IsAny<A>, IsAny<B>] extends [0, 0] ? Fits<A, B> : 0;
const same = <A, B>(yes: Same<A, B>): Same<A, B> => yes;

export const scale = job((n: number, name: string) => `${name}: ${n}`);
export const fit = job(async (seed: number, options: { rate: number }) => ({
  seed,
  loss: seed * options.rate,
}));
export const named = job((options: { seed: number }) => options.seed);

export const open = job((n: number, name?: string) => [n, name] as const);
export const sum = job((...numbers: number[]) => numbers.length);
export const quiet = job(async (): Promise<void> => {});

export class Tasks {
  readonly isNotStatic = true;
  @job
  static async count(this: void, text: string): Promise<number> {
    return text.length;
  }
}

const postOpen = () => post(open, [1]);

export async function typed() {
  const scaled = await postWork(scale, [[1, "a"]]);
  same<typeof scaled, Posting<string>>(1);
  const fitted = await postWork(fit, [[1, { rate: 0.5 }]]);
  for await (const row of fitted.results()) {
    same<typeof row, JobResult<{ seed: number; loss: number }>>(1);
  }
  await postWork(fit, [[1], [2]], [{ rate: 1 }, { rate: 2 }], { priority: [1, 2] });
  const counted = await postWork(Tasks.count, [["text"]]);
  same<typeof counted, Posting<number>>(1);
  const one = await post(scale, [1, "a"], { priority: 3 });
  same<typeof one, Posting<string>>(1);
  same<Awaited<ReturnType<typeof postOpen>>, Posting<readonly [number, string | undefined]>>(1);
  // @ts-expect-error: the second argument is a text
  await post(scale, [1, 2]);
  // @ts-expect-error: one job has one priority
  await post(scale, [1, "a"], { priority: [3] });
  const untyped = await postWork("models/fit.ts#fit", [[1, new Date(), null]]);
  same<typeof untyped, Posting>(1);
  await Registry.get(named).postWork([], [{ seed: 1 }], { maxAttempts: 2 });
}

export async function gathers() {
  const posting = await postWork(scale, [[1, "a"]]);
  const all = await gather(posting, quiet);
  same<typeof all, Posting<void>>(1);
  const one = await reduce(posting, 100, fit, { with: [1, { rate: 2 }], tolerate: "1%" });
  same<typeof one, Posting<{ seed: number; loss: number }>>(1);
  await gather(posting, sum);
  await gather(posting, "a.ts#f", { with: [1, "a"], tolerate: 3 });
  // @ts-expect-error: the function has parameters
  await gather(posting, scale);
  // @ts-expect-error: the second argument is a text
  await gather(posting, scale, { with: [1, 2] });
  // @ts-expect-error: neither a number nor a percentage
  await gather(posting, quiet, { tolerate: "half" });
  for await (const each of currentJob()?.upstream.results<number>() ?? []) {
    same<typeof each, UpstreamResult<number>>(1);
  }
}

export async function rates() {
  await post(scale, [1, "a"], { maxRate: "10/s" });
  // @ts-expect-error: of another form than N/s, N/m or N/h
  await post(scale, [1, "a"], { maxRate: "10 per s" });
  const shared = await variables();
  same<(typeof shared)[number], { name: string; value: unknown; updatedAt: Date }>(1);
}

export async function byEntryPoint() {
  const fitted = await postWork<typeof fit>("models/fit.ts#fit", [[1, { rate: 1 }]]);
  same<typeof fitted, Posting<{ seed: number; loss: number }>>(1);
  // @ts-expect-error: a text where a number is expected
  await postWork<typeof fit>("models/fit.ts#fit", [["1", { rate: 1 }]]);
}

export async function manyShapes() {
  await postWork(open, [[1], [1, "a"]]);
  await postWork(sum, [[], [1, 2, 3]]);
  await postWork(quiet, new Set<[]>([[]]));
  const numbers: number[] = [1, 2];
  await postWork(
    open,
    numbers.map((n) => [n] as const),
  );
  async function* lists() {
    yield [1] as [number];
  }
  await postWork(open, lists());
  await postWork(scale, product(range(1, 1_000_000), ["a", "b"]));
  await postWork(fit, product(range(1, 1_000_000), { rate: [0.5, 1] }));
  await postWork(named, [], product({ seed: range(1, 1_000_000) }));
  const silent = await postWork(quiet, [[]]);
  same<typeof silent, Posting<void>>(1);
  const found = await findPosting(1, sum);
  same<typeof found, Posting<number>>(1);
  const unknown = await findPosting(1);
  same<typeof unknown, Posting>(1);
  const count = new Value("count", 0);
  const value = await count.update((n) => n + 1);
  same<typeof value, number>(1);
  await new Value<number | null>("last", null).set(3);
}

export async function refusedElsewhere() {
  // @ts-expect-error: one of the arguments that may be left out has a wrong type
  await postWork(open, [[1, 2]]);
  // @ts-expect-error: one of many
  await postWork(sum, [["1"]]);
  // @ts-expect-error: an argument for a function without parameters
  await postWork(quiet, [[1]]);
  // @ts-expect-error: options in the place of kwargs
  await postWork(quiet, [[]], { maxAttempts: 1 });
  // @ts-expect-error: a promise of lists
  await postWork(sum, Promise.resolve([[1]]));
  // @ts-expect-error: a moment that is a boolean
  await postWork(quiet, [[]], [], { runAt: true });
  // @ts-expect-error: a value of another type
  await new Value("count", 0).set("a");
  // @ts-expect-error: a value that becomes one of another type
  await new Value("count", 0).update((n) => String(n));
  // @ts-expect-error: a change that takes its time
  await new Value("count", 0).update(async (n) => n);
  // @ts-expect-error: an option of a pool that there is not
  await new ClusterPool({ size: 1 }).stop();
  const posting = await postWork(quiet, [[]]);
  // @ts-expect-error: an order that there is not
  posting.results({ order: "index" });
  // @ts-expect-error: what is the database's
  posting.id = 1;
}

export async function refused() {
  // @ts-expect-error: a text where a number is expected, in a product
  await postWork(scale, product(["a"], ["b"]));
  // @ts-expect-error: a field of another type, in a product
  await postWork(fit, product(range(1, 9), { rate: ["a"] }));
  // @ts-expect-error: a text where a number is expected
  await postWork(scale, [["1", "a"]]);
  // @ts-expect-error: an argument is missing
  await postWork(scale, [[1]]);
  // @ts-expect-error: an argument too many
  await postWork(scale, [[1, "a", true]]);
  // @ts-expect-error: arguments that are not in a list of their own
  await postWork(scale, [1, "a"]);
  // @ts-expect-error: a wrong property in the object
  await postWork(fit, [[1]], [{ rat: 1 }]);
  // @ts-expect-error: an option that there is not
  await postWork(scale, [[1, "a"]], [], { prioritty: 1 });
  // @ts-expect-error: an option of a wrong type
  await postWork(scale, [[1, "a"]], [], { maxAttempts: "3" });
  // @ts-expect-error: of a handle, too
  await Registry.get(named).postWork([], [{ seed: "1" }]);
  // @ts-expect-error: no function
  job(42);
  const posting = await postWork(scale, [[1, "a"]]);
  // @ts-expect-error: the result is a text
  for await (const { result } of posting.results()) result?.toFixed();
}

export class Wrong {
  // @ts-expect-error: of an object's method, that a worker could not call
  @job
  count(text: string): number {
    return text.length;
  }
}

export const loss = job((fitted: { seed: number; loss: number }) => fitted.loss);
export const scaled = job((fitted: { loss: number }, factor: number) => fitted.loss * factor);
export const total = job(() => 1);

export async function flows() {
  await flow("night", (f) => {
    const fitted = f.post(fit, [[1, { rate: 1 }]]);
    same<typeof fitted, Stage<{ seed: number; loss: number }>>(1);
    const losses = f.over(fitted, loss, { maxRunning: 3 });
    same<typeof losses, Stage<number>>(1);
    const more = f.over(fitted, scaled, { with: [2], after: [losses] });
    same<typeof more, Stage<number>>(1);
    const end = f.gather(more, total, { tolerate: "1%" });
    same<typeof end, Stage<number>>(1);
    // @ts-expect-error: the results are objects, and the function takes a number
    f.over(fitted, scale, { with: ["a"] });
    // @ts-expect-error: the result of the first stage is no object
    f.over(losses, loss);
    // @ts-expect-error: the second argument is missing
    f.over(fitted, scaled);
    // @ts-expect-error: the second argument is a number
    f.over(fitted, scaled, { with: ["2"] });
    // @ts-expect-error: a stage has no transaction of its own
    f.post(sum, [[1]], [], { transaction: undefined });
    // @ts-expect-error: a stage waits for stages, not for names
    f.gather(more, total, { after: ["losses"] });
  });
}
