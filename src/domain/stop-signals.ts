/**
 * The signals that ask a pool to stop, with their numbers in Linux. Grid Engine announces its kill
 * by SIGUSR2 and a suspension or soft limit by SIGUSR1; scripts for Slurm often ask for SIGUSR1.
 */
export const stopSignals = { SIGHUP: 1, SIGINT: 2, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;

export type StopSignal = keyof typeof stopSignals;

export const stopSignalNames = Object.keys(stopSignals) as StopSignal[];

export const isStopSignal = (name: unknown): boolean =>
  typeof name === "string" && Object.hasOwn(stopSignals, name);

/** Whether shells report with this exit code that a command was ended by a stop signal. */
export const isStopStatus = (code: unknown): boolean =>
  Object.values(stopSignals).some((number) => code === 128 + number);

/**
 * A process may end by a stop signal before its pool has received the same one: such an end is
 * reported this much later, when the pool knows.
 */
export const stopNewsMs = 2_000;
