import { connect } from "../../src/db/connection/connect.ts";
import { embeddedTarget } from "../../src/db/settings/target.ts";
import { ensureServer } from "../../src/server/server.ts";
import { temporaryPlace } from "./place.ts";

/** A server for one test alone, which may spoil it. */
export async function ownServer() {
  const place = temporaryPlace();
  const { host, port, username, database } = await ensureServer(place);
  const target = embeddedTarget(place.address, "pdoflow");
  const db = connect(target, { connections: 1 });
  return {
    db,
    target,
    place,
    url: `postgres:///${database}?host=${encodeURIComponent(host)}&port=${port}&user=${username}`,
    async [Symbol.asyncDispose]() {
      await db.abort();
      await place[Symbol.asyncDispose]();
    },
  };
}
