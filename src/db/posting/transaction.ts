/**
 * An open transaction on somebody else's connection: whatever runs one statement with parameters
 * `$1`, `$2`, … in it and gives its rows, as a list or as a property `rows`. A client of `pg` and a
 * manager of TypeORM are one as they are.
 */
export interface Transaction {
  /** Runs one statement; its text has `$1`, `$2`, … for the parameters, which are texts. */
  query(text: string, parameters: string[]): PromiseLike<unknown>;
}
