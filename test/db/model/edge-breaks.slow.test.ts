// The model of edges finds each fault that is put into a function of the engine.
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { breakRoutine } from "./breaks.ts";
import { edgeBreaks } from "./edge-breaks.ts";
import { runEdges } from "./edge-run.ts";

test.each(edgeBreaks)(
  "the model finds it if $name",
  async (fault) => {
    const databases: AsyncDisposable[] = [];
    const open = async () => {
      const database = await freshDatabase();
      databases.push(database);
      await breakRoutine(database.db, fault);
      return database.db;
    };
    const failure = await runEdges(open, { numRuns: 60, shrinks: false }).then(
      () => null,
      (error: unknown) => error,
    );
    for (const database of databases) await database[Symbol.asyncDispose]();
    expect(failure).not.toBeNull();
  },
  600_000,
);
