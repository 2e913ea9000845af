import type { Sql, Tx } from "./sql.ts";

/**
 * A statement of postgres.js (postgres/src/query.js): a promise, with properties that its types
 * lack.
 */
interface WatchedStatement {
  /** Its text, with $1 for the first parameter; set once it was sent. */
  string?: string;
  handle: () => unknown;
  resolve: (rows: unknown) => unknown;
  reject: (error: unknown) => unknown;
}

type OnStatement = (text: string, ms: number) => void;

/** The same, and calls `onStatement` after each statement, including those in transactions. */
export function watchStatements<T extends Sql | Tx>(sql: T, onStatement: OnStatement): T {
  return new Proxy(sql, {
    apply(target, self, args) {
      const made = isCallable(target) ? Reflect.apply(target, self, args) : undefined;
      if (isStatement(made)) watch(made, onStatement);
      return made;
    },
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (!isCallable(found)) return found;
      if (name === "begin") return beginWatched(found, target, onStatement);
      if (name !== "unsafe") return found;
      return (...args: unknown[]) => {
        const made: unknown = Reflect.apply(found, target, args);
        if (isStatement(made)) watch(made, onStatement);
        return made;
      };
    },
  });
}

const beginWatched =
  (begin: Callable, target: object, onStatement: OnStatement) =>
  (...args: unknown[]) => {
    const work = args.pop();
    const watched = (tx: Tx) =>
      isCallable(work) ? work(watchStatements(tx, onStatement)) : undefined;
    return Reflect.apply(begin, target, [...args, watched]);
  };

type Callable = (...args: unknown[]) => unknown;
const isCallable = (found: unknown): found is Callable => typeof found === "function";

const isStatement = (made: unknown): made is WatchedStatement =>
  made instanceof Promise && "handle" in made && "resolve" in made;

/** A fragment of another statement is never sent, so its time never begins. */
function watch(statement: WatchedStatement, onStatement: OnStatement): void {
  let sentAt: number | null = null;
  const { handle, resolve, reject } = statement;
  statement.handle = () => {
    sentAt ??= performance.now();
    return handle.call(statement);
  };
  const report = () => {
    if (sentAt !== null) onStatement(statement.string ?? "", performance.now() - sentAt);
  };
  statement.resolve = (rows) => {
    report();
    return resolve(rows);
  };
  statement.reject = (error) => {
    report();
    return reject(error);
  };
}
