import { codeLines, lineAt, type Source } from "./source.ts";

interface Use {
  path: string;
  /** The whole line, so that a change of it is looked at again. */
  line: string;
  reason: string;
}

/** Where text is sent to the server, or run by it, as a statement that was put together. */
const allowed: readonly Use[] = [
  {
    path: "src/db/admin/migrations.ts",
    line: "await sql.unsafe(migration.sql); // our own text, several statements in one",
    reason: "the text of sql/, with the schema's name, which settings.ts takes as a plain word",
  },
  {
    path: "src/db/admin/vacuum.ts",
    line: "await session`set lock_timeout = ${session.unsafe(`'${longestWaitMs}ms'`)}`;",
    reason: "SET takes no parameters; the number is a constant of that file",
  },
  {
    path: "src/db/connection/watch-statements.ts",
    line: 'if (name !== "unsafe") return found;',
    reason: "passes on what others send, and sends nothing itself",
  },
  {
    path: "src/db/posting/insert-levels.ts",
    line: "const query = (text: string, parameters: string[]) => tx.unsafe(text, parameters);",
    reason: "statements of ours with their values as parameters, as in a caller's transaction",
  },
  {
    path: "src/library/post/transactions.ts",
    line: "unsafe(text: string, parameters: string[]): PromiseLike<unknown>;",
    reason: "the type of a caller's transaction",
  },
  {
    path: "src/library/post/transactions.ts",
    line: "query: (text, parameters) => transaction.unsafe(text, parameters),",
    reason: "a statement of ours with its values as parameters, on a caller's transaction",
  },
];

/** Uses of `unsafe` that nobody has given a reason for, and reasons for what is not there. */
export function unsafeFaults(sources: readonly Source[]): string[] {
  const found = sources.flatMap((source) =>
    codeLines(source)
      .filter(({ line }) => /\bunsafe\b/.test(line))
      .map(({ line, number }) => ({ path: source.path, at: number, line: line.trim() })),
  );
  const isSame = (use: Use, one: { path: string; line: string }) =>
    use.path === one.path && use.line === one.line;
  return [
    ...found
      .filter((one) => !allowed.some((use) => isSame(use, one)))
      .map(
        ({ path, at }) =>
          `${path}:${at}: "unsafe" without a reason. Write the statement as sql\`…\`, with its ` +
          "values as parameters, or say in test/tidy/statements.ts why that can't be.",
      ),
    ...allowed
      .filter((use) => !found.some((one) => isSame(use, one)))
      .map(({ path, line }) => `${path} has no line "${line}" any more (test/tidy/statements.ts).`),
  ];
}

/**
 * Statements that the server puts together: only by format, and of nothing but names (%I), literals
 * (%L), numbers and names of tables that come from its own catalogue (%s); their values by using.
 */
export function executeFaults({ path, text }: Source): string[] {
  const code = text.replaceAll(/--.*$/gm, (comment) => " ".repeat(comment.length));
  return [...code.matchAll(/^\s*execute\s+(.*)$/gm)]
    .filter(
      ([, statement = ""]) => !statement.startsWith("format('") && statement !== "v_statement;",
    )
    .map(
      ({ index }) =>
        `${path}:${lineAt(text, index + 1)}: a statement that is not made by format('…'). ` +
        "Values belong into using, names into %I.",
    );
}
