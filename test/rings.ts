// Which tests run when:
//   npm test          the fast ring
//   npm run test:all  all rings
//   .ci/run           the fast ring and the oldest PostgreSQL, and the binary in an empty folder
// A file is slow if its name ends with `.slow.test.ts`; everything else is fast. With a file, a
// folder or any other argument, `npm test` ignores the rings, as `bun test` does.

export interface Ring {
  name: string;
  /** Arguments for `bun test`: what to run, or what to leave out. */
  args: readonly string[];
  /** A PostgreSQL other than the newest. */
  postgres?: "14";
  /** Whether its tests use the packages of `test/packages`. */
  usesPackages?: boolean;
}

const slow = ".slow.test.ts";
const without = (...globs: string[]) => globs.map((glob) => `--path-ignore-patterns=${glob}`);

/** What changes often: units, the database, commands in this process, the core of the binary. */
const fastRing: Ring = { name: "fast", args: without(`**/*${slow}`) };

/** Packages, a million jobs, two builds, memory, rare faults of the binary, long fuzz and chaos. */
const slowRing: Ring = { name: "slow", args: [slow], usesPackages: true };

/** SQL on the oldest supported version. Load and the model depend less on the version. */
const oldestRing: Ring = {
  name: "PostgreSQL 14",
  args: [
    ...without(`**/*${slow}`, "test/db/load/**", "test/db/model/**", "test/db/connection/**"),
    ...without("test/db/settings/**"), // without a server
    ...without("test/db/plans/**", "test/db/dashboard/**"), // the planner of the newest counts
    ...["test/database.test.ts", "test/db"],
  ],
  postgres: "14",
};

export const rings = {
  fast: [fastRing],
  ci: [fastRing, oldestRing],
  all: [fastRing, slowRing, oldestRing],
} as const satisfies Record<string, readonly Ring[]>;
