/**
 * An open transaction on a connection of the caller: an object that runs one statement with
 * parameters `$1`, `$2`, … in it and returns its rows, as a list or as a property `rows`. A client
 * of `pg` and a manager of TypeORM fit without an adapter.
 */
export interface Transaction {
  /** Runs one statement; its text has `$1`, `$2`, … for the parameters, which are texts. */
  query(text: string, parameters: string[]): PromiseLike<unknown>;
}
