import { Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { Edge, EdgeKind } from "../../domain/option-values.ts";
import { parseSelector, type Selector } from "../../domain/selector.ts";
import { Tolerance } from "../../domain/tolerance.ts";
import { parseFlags } from "../shell/flags.ts";
import { findWholePostings } from "./select.ts";

/** The field of each flag, and the kind of its edges. */
const kinds = {
  after: "after",
  afterAny: "any",
  afterFailed: "failed",
  afterStart: "start",
  afterEach: "each",
} as const satisfies Record<string, EdgeKind>;

/** The flags by which a posting waits for others, as fields of a command. */
export const edgeFlags = () => ({
  after: Option.Array("--after", [], {
    description: "wait until this posting has ended without failed jobs; repeat it to wait for all",
  }),
  afterAny: Option.Array("--after-any", [], {
    description: "wait until this posting has ended, whether or not jobs failed",
  }),
  afterFailed: Option.Array("--after-failed", [], {
    description: "wait until this posting has ended with failed jobs, or was stopped",
  }),
  afterStart: Option.Array("--after-start", [], {
    description: "wait until a job of this posting has started",
  }),
  afterEach: Option.Array("--after-each", [], {
    description: "start job i once job i of this posting is done; both have as many jobs",
  }),
});

/** The texts of the flags. */
export type EdgeFlags = Record<keyof typeof kinds, string[]> & {
  tolerate: string | undefined;
  gather: string | undefined;
};

/** Edges whose upstreams have not been looked up. */
export interface NamedEdge {
  selector: Selector;
  edge: Omit<Edge, "posting">;
}

const Flags = v.object({ tolerate: v.optional(Tolerance) });

/** The edges that the flags of a command describe. @throws {InvalidInput} */
export function parseEdges(command: EdgeFlags): NamedEdge[] {
  const { tolerate } = parseFlags(Flags, command);
  if (tolerate !== undefined && command.after.length === 0 && command.gather === undefined) {
    throw new InvalidInput("--tolerate", ["expected --after or --gather with a posting"]);
  }
  return Object.entries(kinds).flatMap(([field, kind]) =>
    command[field as keyof typeof kinds].map((word) => ({
      selector: parseSelector(word),
      edge: { kind, ...(kind === "after" ? tolerate : {}) },
    })),
  );
}

/**
 * The edges with the numbers of their upstreams.
 *
 * @throws {PostingNotFound}
 */
export async function findEdges(db: Db, named: readonly NamedEdge[]): Promise<Edge[]> {
  const edges: Edge[] = [];
  for (const { selector, edge } of named) {
    const ids = await findWholePostings(db, [selector]);
    edges.push(...ids.map((posting) => ({ posting, ...edge })));
  }
  return edges;
}
