import type { Transaction } from "../../db/posting/transaction.ts";

/**
 * A transaction of postgres.js, for the option `transaction` of `postWork`.
 *
 * @example await sql.begin((tx) => postWork(fit, [[1]], [], { transaction: fromPostgres(tx) }));
 */
export const fromPostgres = (transaction: {
  unsafe(text: string, parameters: string[]): PromiseLike<unknown>;
}): Transaction => ({
  query: (text, parameters) => transaction.unsafe(text, parameters),
});

/**
 * A transaction of Knex.
 *
 * @example await knex.transaction((trx) =>
 *   postWork(fit, [[1]], [], { transaction: fromKnex(trx) }));
 */
export const fromKnex = (transaction: {
  raw(text: string, bindings: string[]): PromiseLike<unknown>;
}): Transaction => ({
  query: (text, parameters) => {
    const { texts, values } = split(text, parameters);
    return transaction.raw(texts.map((each) => each.replaceAll("?", "\\?")).join("?"), values);
  },
});

/**
 * A transaction of Kysely, with Kysely's own `CompiledQuery`.
 *
 * @example await db.transaction().execute((trx) =>
 *   postWork(fit, [[1]], [], { transaction: fromKysely(trx, CompiledQuery) }));
 */
export const fromKysely = <Query>(
  transaction: { executeQuery(query: Query): PromiseLike<unknown> },
  compiledQuery: { raw(text: string, parameters: string[]): Query },
): Transaction => ({
  query: (text, parameters) => transaction.executeQuery(compiledQuery.raw(text, parameters)),
});

/**
 * A transaction of Drizzle, with Drizzle's own `sql`.
 *
 * @example await db.transaction((tx) =>
 *   postWork(fit, [[1]], [], { transaction: fromDrizzle(tx, sql) }));
 */
export const fromDrizzle = <Query>(
  transaction: { execute(query: Query): PromiseLike<unknown> },
  sql: (texts: TemplateStringsArray, ...values: string[]) => Query,
): Transaction => ({
  query: (text, parameters) => {
    const { texts, values } = split(text, parameters);
    return transaction.execute(sql(Object.assign(texts, { raw: texts }), ...values));
  },
});

/**
 * A transaction of Prisma.
 *
 * @example await prisma.$transaction((tx) =>
 *   postWork(fit, [[1]], [], { transaction: fromPrisma(tx) }));
 */
export const fromPrisma = (transaction: {
  $queryRawUnsafe(text: string, ...parameters: string[]): PromiseLike<unknown>;
}): Transaction => ({
  query: (text, parameters) => transaction.$queryRawUnsafe(text, ...parameters),
});

/** The pieces of a statement between its parameters, and the value of each parameter. */
function split(text: string, parameters: readonly string[]) {
  const pieces = text.split(/\$(\d+)/);
  return {
    texts: pieces.filter((_, i) => i % 2 === 0),
    values: pieces
      .filter((_, i) => i % 2 === 1)
      .map((number) => parameters[Number(number) - 1] ?? ""),
  };
}
