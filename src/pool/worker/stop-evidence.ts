import { isStopSignal, isStopStatus } from "../../domain/stop-signals.ts";

/**
 * Whether a thrown value reports that a program was ended by a stop signal: errors of commands, of
 * `Bun.$`, of node:child_process, and of packages such as execa.
 */
export function isEndByStopSignal(thrown: unknown): boolean {
  try {
    if (typeof thrown !== "object" || thrown === null) return false;
    const { signal, signalCode, exitCode, status, code } = thrown as Record<string, unknown>;
    return [signal, signalCode].some(isStopSignal) || [exitCode, status, code].some(isStopStatus);
  } catch {
    return false; // a Proxy or a getter of the job
  }
}
