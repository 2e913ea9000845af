import { expect, test } from "bun:test";
import { runInNewContext } from "node:vm";

import { jobError } from "../../src/job/job-error.ts";
import { FatalError, RetryAfter, retryOf } from "../../src/job/thrown.ts";

const circle: { self?: unknown } = {};
circle.self = circle;

test.each([
  [null, "null"],
  [undefined, "undefined"],
  ["just a string", "just a string"],
  [10n, "10"],
  [Symbol("s"), "Symbol(s)"],
  [{ code: 17 }, '{"code":17}'],
  [circle, "[object Object]"],
  [Object.create(null, { toJSON: { value: () => undefined } }), "something that can't be shown"],
])("what is not an error is shown as well as can be: %p", (thrown, message) => {
  expect(jobError(thrown)).toEqual({ name: "Thrown", message });
  expect(retryOf(thrown)).toBeNull();
});

test("an error whose parts are not texts, or throw when they are looked at, is kept all the same", () => {
  const odd = Object.assign(new Error("odd"), { name: 42, message: { code: 17 } });
  Object.defineProperty(odd, "stack", {
    get: () => {
      throw new Error("no stack for you");
    },
  });
  expect(jobError(odd)).toEqual({ name: "42", message: '{"code":17}' });
  const refuse = () => {
    throw new Error("no look for you");
  };
  const proxy = new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse });
  expect(jobError(proxy)).toEqual({ name: "Thrown", message: "something that can't be shown" });
  expect(retryOf(proxy)).toBeNull();
});

test("an error of another realm is an error", () => {
  const foreign: unknown = runInNewContext("new RangeError('far away')");
  expect(jobError(foreign)).toMatchObject({ name: "RangeError", message: "far away" });
});

test("an AggregateError is kept with its errors, some of many", () => {
  const errors = [new TypeError("one"), "two", ...Array.from({ length: 1_000 }, () => "more")];
  const kept = jobError(new AggregateError(errors, "several"));
  expect(kept).toMatchObject({ name: "AggregateError", message: "several" });
  expect(kept.errors).toHaveLength(10);
  expect(kept.errors?.[0]).toMatchObject({ name: "TypeError", message: "one" });
  expect(kept.errors?.[1]).toEqual({ name: "Thrown", message: "two" });
});

test("an AggregateError that gathers itself is kept in some kilobytes", () => {
  const circle = new AggregateError([], "circle");
  circle.errors = Array.from({ length: 100 }, () => circle);
  expect(JSON.stringify(jobError(circle)).match(/"message":"circle"/g)).toHaveLength(111);
});

test("causes are kept one below the other, of a circle some", () => {
  const inner = new Error("inner");
  expect(jobError(new Error("outer", { cause: inner })).cause).toMatchObject({ message: "inner" });
  inner.cause = inner;
  expect(JSON.stringify(jobError(inner)).match(/"message":"inner"/g)).toHaveLength(6);
});

test("texts are cut, and characters that jsonb refuses are removed", () => {
  const { message } = jobError(new Error(`a\0b\ud800${"x".repeat(100_000)}`));
  expect(message).toStartWith("a\u2400b\ufffd");
  expect(message).toHaveLength(8_193);
});

test("the thrown error determines whether and when a job is retried", () => {
  expect(retryOf(new FatalError("no"))).toBe("never");
  expect(retryOf(new RetryAfter(0))).toBe(0);
  expect(retryOf(new RetryAfter(1500.4))).toBe(1500);
  for (const ms of [-1, Number.NaN, Infinity]) expect(() => new RetryAfter(ms)).toThrow(RangeError);
  expect(retryOf({ [Symbol.for("pdoflow.retry")]: Infinity })).toBeNull();
  expect(retryOf(new Error("any"))).toBeNull();
});

test("the callers of the job are left out of a stack, unless nothing else is there", () => {
  const stackOf = (stack: string) => jobError(Object.assign(new Error("m"), { stack })).stack;
  const own = "Error: m\n    at fit (/data/fit.ts:3:9)\n    at go (/data/fit.ts:7:1)";
  const callers =
    "\n    at run (node:async_hooks:144:29)\n    at async Qr (/$bunfs/root/pdoflow:4:43)\n";
  expect(stackOf(own + callers)).toBe(own);
  expect(stackOf(own)).toBe(own);
  expect(stackOf(`Error: m${callers}`)).toBe(`Error: m${callers}`);
  const within = "\n    at each (/$bunfs/root/pdoflow:1:1)\n    at fit (/data/fit.ts:3:9)";
  expect(stackOf(`Error: m${within}${callers}`)).toBe(`Error: m${within}`);
});
