import type { Db } from "../src/db/connection/connect.ts";

/** Whether a server that was started answers by now. */
export async function answers({ sql }: Db): Promise<boolean> {
  try {
    await sql`select 1`;
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error) return false; // not yet
    throw error;
  }
}
