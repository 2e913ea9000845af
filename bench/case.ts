import type { BenchServer } from "./server.ts";
import type { Findings } from "./result.ts";
import type { Peers } from "./peers.ts";

/** What a case is given to run with. */
export interface Bench {
  server: BenchServer;
  cores: number;
  isQuick: boolean;
  /** The contenders, their settings tuned once for all cases. */
  peers: Peers;
  /** What the case asks for, if the command line does not say it. */
  jobs: (full: number, quick: number) => number;
  rounds: (full: number, quick: number) => number;
  /** A size that the command line does not know. */
  size: (full: number, quick: number) => number;
  say: (line: string) => void;
}

/** One row of the table of targets. */
export interface Case {
  name: string;
  /** What is measured. */
  what: string;
  /** What it must reach, in words. */
  target: string;
  /** Whether `--quick` leaves it out if it is not asked for by name. Default false. */
  isLong?: boolean;
  run: (bench: Bench) => Promise<Findings>;
}
