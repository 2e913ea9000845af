// pg-boss without what it does beside posting and fetching: no maintenance, no schedules, no NOTIFY.
import { PgBoss } from "pg-boss";

export async function openBoss(url, max, options = {}) {
  const boss = new PgBoss({
    connectionString: url,
    max,
    supervise: false,
    schedule: false,
    ...options,
  });
  boss.on("error", (error) => {
    throw error;
  });
  await boss.start();
  return boss;
}
