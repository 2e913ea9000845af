import { Command } from "clipanion";

import { outputSchemas } from "../output/output-schemas.ts";
import type { Target } from "../../db/settings/target.ts";
import { exitCodes } from "../../domain/errors.ts";
import { serverState, stopServer } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class UpCommand extends PdoflowCommand {
  static override paths = [["up"]];
  static override usage = Command.Usage({
    description: "start the embedded PostgreSQL, if it is not running",
    details: `
      Every command starts it when no other server is configured; this command also prints its
      folder and a URL for other programs. All processes of this user share it, and it runs until
      \`$0 down\`.
    `,
  });

  async run() {
    await this.withDatabase(async ({ target }) => {
      const isEmbedded = target.source === "the embedded server";
      if (this.json) {
        const state = serverState(this.embeddedPaths);
        this.printJson(outputSchemas.up, {
          isEmbedded,
          folder: isEmbedded ? this.embeddedPaths.folder : null,
          pid: isEmbedded && state.kind === "running" ? state.pid : null,
        });
        return;
      }
      if (!isEmbedded) {
        this.say(`nothing to start: ${target.source} sets another server`);
        return;
      }
      const paths = this.embeddedPaths;
      const state = serverState(paths);
      this.say(
        `the embedded PostgreSQL is running` +
          `${state.kind === "running" ? ` (pid ${state.pid})` : ""}; ` +
          `data folder: ${paths.folder}\n` +
          `other programs of this user connect with: ${urlOf(target)}`,
      );
    });
    return exitCodes.ok;
  }
}

/** For libpq: a socket folder cannot stand in the host part of a URL. */
const urlOf = ({ host, user, database }: Target) =>
  `postgresql:///${database}?host=${encodeURI(host)}&user=${user}`;

export class DownCommand extends PdoflowCommand {
  static override paths = [["down"]];
  static override usage = Command.Usage({
    description: "stop the embedded PostgreSQL",
    details: "Open connections are closed. Committed data is safe and remains on the disk.",
  });

  async run() {
    const paths = this.embeddedPaths;
    const wasRunning = await stopServer(paths);
    if (this.json) {
      this.printJson(outputSchemas.down, { wasRunning, folder: paths.folder });
      return exitCodes.ok;
    }
    this.say(
      wasRunning
        ? `the embedded PostgreSQL was stopped; data folder: ${paths.folder}`
        : `no embedded PostgreSQL is running in ${paths.folder}`,
    );
    return exitCodes.ok;
  }
}
