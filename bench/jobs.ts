// The jobs of the bench.
import { appendFileSync } from "node:fs";

/** Does nothing with its three small arguments. */
export function noop(_number: number, _float: number, _name: string): void {}

const kibibyte = "x".repeat(1023);

/** Prints 1 KiB and returns something small. */
export function kept(number: number, float: number, name: string) {
  console.log(kibibyte);
  return { number, float, name };
}

/** Takes its time and uses nothing. */
export const sleep = (ms: number) => Bun.sleep(ms);

/** Takes its time on a core. */
export function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Writes down when it started, in ms by the machine's clock. */
export function started(number: number, file: string, _name: string): void {
  appendFileSync(file, `${number} ${performance.timeOrigin + performance.now()}\n`);
}
