// The settings that our sessions need, regardless of those of the role, the database or the server.

/** A setting that each of our sessions begins with. */
interface SessionSetting {
  name: string;
  value: string;
  /** The reason. */
  reason: string;
}

/** Settings without which statements fail or change their meaning: always ours. */
const required: readonly SessionSetting[] = [
  {
    name: "default_transaction_isolation",
    value: "read committed",
    reason: "with an older snapshot, the lock of a lane (L1) has no effect",
  },
  {
    name: "row_security",
    value: "on",
    reason: "policies limit the rows of a role; off raises an error",
  },
  { name: "DateStyle", value: "ISO, MDY", reason: "times are read as ISO 8601" },
  { name: "bytea_output", value: "hex", reason: "bytes are read as hex" },
  { name: "standard_conforming_strings", value: "on", reason: "our texts have backslashes" },
  { name: "array_nulls", value: "on", reason: "arrays are sent as text" },
];

/** Settings that suit our statements; `options` or PGOPTIONS of the user take precedence. */
const preferred: readonly SessionSetting[] = [
  { name: "statement_timeout", value: "0", reason: "pools have their own deadlines" },
  { name: "lock_timeout", value: "0", reason: "our locks are short, and statements wait for them" },
  {
    name: "idle_in_transaction_session_timeout",
    value: "0",
    reason: "a posting is one transaction, even if its jobs are read slowly",
  },
  { name: "idle_session_timeout", value: "0", reason: "a pool may have nothing to do for days" },
  { name: "jit", value: "off", reason: "compiling takes longer than our statements" },
  { name: "enable_indexscan", value: "on", reason: "claims are only fast with their indexes" },
  { name: "enable_indexonlyscan", value: "on", reason: "the same" },
  { name: "enable_bitmapscan", value: "on", reason: "the same" },
  { name: "enable_nestloop", value: "on", reason: "few rows are joined to large tables" },
];

/**
 * Through a pooler, only settings that drivers always send, so that every pooler passes them on.
 */
const pooled: ReadonlySet<string> = new Set(["DateStyle"]);

/**
 * The parameters that a session begins with. They are sent at the log-in, where a pooler such as
 * PgBouncer may refuse them: then `isPooled`.
 */
export function startupParameters(
  isPooled: boolean,
  options: string | undefined,
): Readonly<Record<string, string>> {
  const parameters = required.filter(({ name }) => !isPooled || pooled.has(name));
  // Later settings take precedence: the user's own after ours.
  const defaults = isPooled ? [] : preferred.map(({ name, value }) => `-c ${name}=${value}`);
  const all = [...defaults, ...(options === undefined ? [] : [options])].join(" ");
  return {
    ...Object.fromEntries(parameters.map(({ name, value }) => [name, value])),
    ...(all === "" ? {} : { options: all }),
  };
}

/** The settings that the role must have if a pooler keeps us from setting them, by name. */
export const requiredOfPooler: readonly (readonly [name: string, value: string])[] = required
  .filter(({ name }) => !pooled.has(name))
  .map(({ name, value }) => [name, value] as const);

/** All of them, by name. */
export const sessionSettings: readonly (readonly [name: string, value: string])[] = [
  ...required,
  ...preferred,
].map(({ name, value }) => [name, value] as const);
