import type { Sql } from "./sql.ts";

/**
 * The same, but no connection is sent a statement before the one before it was answered. When
 * PgBouncer 1.18 has passed on such an answer, it gives the server's connection to somebody else,
 * together with what was sent meanwhile: that is never answered.
 *
 * Within a transaction it does not do so. postgres.js's own option, max_pipeline, can't say less
 * than two. It asks `onexecute` of a query (postgres/src/connection.js) whether its connection may
 * be sent more.
 */
export function oneAtATime(sql: Sql): Sql {
  return new Proxy(sql, {
    apply(target, self, args) {
      const made: unknown = Reflect.apply(target, self, args);
      if (isQuery(made)) made.options.onexecute ??= () => false;
      return made;
    },
  });
}

const isQuery = (made: unknown): made is { options: { onexecute?: () => boolean } } =>
  made instanceof Promise && "options" in made;
