/// <reference lib="esnext.disposable" preserve="true" />
/** Runs the jobs that a test posts in the test's own process. docs/testing.md shows how. */
export { openTestQueue, TestQueue, type TestQueueOptions } from "./library/test-queue.ts";
