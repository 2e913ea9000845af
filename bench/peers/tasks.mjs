// The same jobs as in jobs.ts, for queues that call functions in their own process.
import { appendFileSync } from "node:fs";

export function noop(_number, _float, _name) {}

const kibibyte = "x".repeat(1023);
export function kept(number, float, name) {
  console.log(kibibyte);
  return { number, float, name };
}

export function started(number, file, _name) {
  appendFileSync(file, `${number} ${performance.timeOrigin + performance.now()}\n`);
}
