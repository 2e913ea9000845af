// What must compile, and what must not, for who uses the package. Nothing here is run.
import { job, type JobResult, type Posting, postWork, Registry } from "pdoflow";

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

export class Tasks {
  readonly isNotStatic = true;
  @job
  static async count(this: void, text: string): Promise<number> {
    return text.length;
  }
}

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
  const untyped = await postWork("models/fit.ts#fit", [[1, new Date(), null]]);
  same<typeof untyped, Posting>(1);
  await Registry.get(named).postWork([], [{ seed: 1 }], { tries: 2 });
}

export async function byEntryPoint() {
  const fitted = await postWork<typeof fit>("models/fit.ts#fit", [[1, { rate: 1 }]]);
  same<typeof fitted, Posting<{ seed: number; loss: number }>>(1);
  // @ts-expect-error: a text where a number is expected
  await postWork<typeof fit>("models/fit.ts#fit", [["1", { rate: 1 }]]);
}

export async function refused() {
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
  await postWork(scale, [[1, "a"]], [], { tries: "3" });
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
