import { expect, test } from "bun:test";

import { InvalidInput } from "../../../src/domain/errors.ts";
import { job, Registry } from "../../../src/index.ts";

export class Tasks {
  readonly isNotStatic = true;
  @job
  static count(this: void, text: string): number {
    return text.length;
  }
}

test("a decorated static method stays as it was, and its entry point is found", async () => {
  expect(Tasks.count("four")).toBe(4);
  expect([...Registry]).toContain(Tasks.count);
  expect(await Registry.get(Tasks.count).entryPoint(import.meta.dir)).toBe(
    "decorator.test.ts#Tasks.count",
  );
});

test("a method that no worker could call is refused when it is decorated", () => {
  const decorators = {
    method: () => {
      class Wrong {
        // @ts-expect-error: of an object's method, that a worker could not call
        @job
        count() {}
      }
      return Wrong;
    },
    field: () => {
      class Wrong {
        // @ts-expect-error: no method
        @job
        static count = 1;
        readonly isNotStatic = true;
      }
      return Wrong;
    },
  };
  for (const decorate of Object.values(decorators)) {
    expect(decorate).toThrow(InvalidInput);
    expect(decorate).toThrow("@job: expected a static method, which a worker can call");
  }
  // @ts-expect-error: no function
  expect(() => job(undefined)).toThrow("job: expected a function, found undefined");
});
