import { Command } from "clipanion";

import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { serverState, stopServer } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class UpCommand extends PdoflowCommand {
  static override paths = [["up"]];
  static override usage = Command.Usage({
    description: "start the embedded PostgreSQL, unless it runs",
    details: `
      Every command starts it where no other server is configured; this one also says where it
      lies. It is shared by all processes of this user, and runs until \`$0 down\`.
    `,
  });

  async run() {
    await this.withDatabase(async ({ target }) => {
      const isEmbedded = target.source === "the embedded server";
      if (this.json) {
        const state = serverState(this.embeddedPlace);
        this.printJson(documents.up, {
          isEmbedded,
          folder: isEmbedded ? this.embeddedPlace.folder : null,
          pid: isEmbedded && state.kind === "running" ? state.pid : null,
        });
        return;
      }
      if (!isEmbedded) {
        this.say(`${target.source} names another server, which is in use; nothing to start`);
        return;
      }
      const place = this.embeddedPlace;
      const state = serverState(place);
      this.say(
        `the embedded PostgreSQL runs${state.kind === "running" ? ` (pid ${state.pid})` : ""}, ` +
          `its data lies in ${place.folder}`,
      );
    });
    return exitCodes.ok;
  }
}

export class DownCommand extends PdoflowCommand {
  static override paths = [["down"]];
  static override usage = Command.Usage({
    description: "stop the embedded PostgreSQL",
    details: "Whoever is connected is cut off; what was committed is safe. The data stays.",
  });

  async run() {
    const place = this.embeddedPlace;
    const wasRunning = await stopServer(place);
    if (this.json) {
      this.printJson(documents.down, { wasRunning, folder: place.folder });
      return exitCodes.ok;
    }
    this.say(
      wasRunning
        ? `the embedded PostgreSQL was stopped; its data lies in ${place.folder}`
        : `no embedded PostgreSQL runs in ${place.folder}`,
    );
    return exitCodes.ok;
  }
}
