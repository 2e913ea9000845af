import { Command } from "clipanion";

import { exitCodes } from "../domain/errors.ts";
import { serverState, stopServer } from "../server/server.ts";
import { PdoflowCommand } from "./command.ts";

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
      if (target.source !== "the embedded server") {
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
    this.say(
      wasRunning
        ? `the embedded PostgreSQL was stopped; its data lies in ${place.folder}`
        : `no embedded PostgreSQL runs in ${place.folder}`,
    );
    return exitCodes.ok;
  }
}
