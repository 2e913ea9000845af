import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { texts } from "./array.ts";
import type { Db } from "./connect.ts";
import { requiredOfPooler } from "./session-settings.ts";

/** A pooler is in between, and a setting of the role or the database makes statements fail. */
class SettingUnsuitable extends PdoflowError {
  override readonly name = "SettingUnsuitable";
  readonly exitCode = exitCodes.database;
  constructor(role: string, setting: string, expected: string, found: string) {
    super(
      `expected ${setting} to be ${expected}, found ${found}, which can't be changed through a ` +
        `pooler such as PgBouncer. Run: alter role ${role} set ${setting} = '${expected}'; then ` +
        "have the pooler open new connections (RECONNECT), or connect to the server itself",
    );
  }
}

/**
 * Checks the settings without which statements fail, if a pooler keeps us from setting them.
 *
 * @throws {SettingUnsuitable}
 */
export async function requireSettings({ sql, target }: Db): Promise<void> {
  const names = requiredOfPooler.map(([name]) => name);
  const rows = await sql<{ name: string; value: string }[]>`
    select name, current_setting(name) as value from unnest(${texts(names)}::text[]) name`;
  const found = new Map(rows.map(({ name, value }) => [name, value]));
  for (const [name, expected] of requiredOfPooler) {
    const value = found.get(name) ?? expected;
    if (value !== expected) throw new SettingUnsuitable(target.user, name, expected, value);
  }
}
