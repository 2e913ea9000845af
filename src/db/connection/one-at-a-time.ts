import type { Sql } from "./sql.ts";

/**
 * The same, but sends each statement only after the one before on its connection was answered. When
 * PgBouncer 1.18 has passed on an answer, it gives the server's connection to another client,
 * together with statements that were sent in the meantime: those are never answered.
 *
 * Within a transaction it does not do so. postgres.js's own option, max_pipeline, cannot be less
 * than two. It calls `onexecute` of a query (postgres/src/connection.js) to decide whether its
 * connection can be sent more.
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
