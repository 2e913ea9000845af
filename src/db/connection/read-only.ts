import type { Target } from "../settings/target.ts";

/**
 * The same server for sessions that cannot write. A pooler in between may refuse this setting: then
 * only the rights of the role count.
 */
export const readOnlyTarget = <T extends Target>(target: T): T => ({
  ...target,
  options: [target.options ?? [], "-c default_transaction_read_only=on"].flat().join(" "),
});
