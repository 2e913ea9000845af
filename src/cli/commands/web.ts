import { chmodSync } from "node:fs";
import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import { HttpServer } from "../http/http-server.ts";
import {
  formatListenAddress,
  type ListenAddress,
  parseListenAddress,
} from "../http/listen-address.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { Board } from "../web/board.ts";
import { Gate, newSecret } from "../web/gate.ts";
import { answer, isEnded, subjectOf } from "../web/web-pages.ts";
import { type WebFigures, WebSource } from "../web/web-source.ts";

const defaultAddress = "127.0.0.1:9480";

export class WebCommand extends PdoflowCommand {
  static override paths = [["web"]];
  static override usage = Command.Usage({
    description: "show postings, flows and their reports in a browser on this machine",
    details: `
      Serves read-only pages until you press Ctrl-C, and prints their URL with a secret token. Only
      this machine can connect: to look at a cluster, forward a port with \`ssh -L\`. The pages need
      the grant viewer, or show only your own postings. No page has a script, and none can change
      the queue.

      All viewers share two connections to the database, which cannot write. Each page is read at
      most every two seconds.
    `,
    examples: [
      ["Open the printed URL in a browser", "$0 web"],
      ["On a cluster, after ssh -L 9480:localhost:9480", "$0 web"],
      ["Listen on a socket that only you can open", "$0 web --socket ~/pdoflow-web.sock"],
    ],
  });
  listen = Option.String("--listen", {
    description: `a port, or a local address with a port (default: ${defaultAddress})`,
  });
  socket = Option.String("--socket", {
    description: "listen on a Unix socket at this path instead",
  });
  showValues = Option.Boolean("--show-values", false, {
    description: "include arguments of jobs, and what failed jobs printed",
  });

  async run(): Promise<ExitCode> {
    const at = this.#address();
    const token = newSecret();
    // Without a database or a grant, this ends at once.
    const target = await this.withDatabase(async (db) => {
      await db.sql`select from ${db.schema}.outcome_run limit 0`;
      return db.target;
    });
    await using source = new WebSource(target, this.showValues);
    const newBoard = () =>
      new Board<WebFigures>({
        read: async (path) => await source.read(subjectOf(path) ?? { kind: "overview" }),
        isFinal: isEnded,
        now: () => performance.now(),
      });
    const site = { gate: new Gate(token), overview: newBoard(), reports: newBoard() };
    const stopped = Promise.withResolvers<string>();
    const offSignals = this.context.onStopSignal(stopped.resolve);
    try {
      await using server = await HttpServer.listen(at, (request) => answer(request, site));
      if ("path" in at) chmodSync(at.path, 0o600);
      void site.overview.get("/"); // the first page is there when the URL is opened
      this.#announce(server.address, token);
      await stopped.promise;
      return exitCodes.ok;
    } finally {
      offSignals();
    }
  }

  /** @throws {InvalidInput} unless only this machine can connect. */
  #address(): ListenAddress {
    if (this.socket !== undefined) {
      if (this.listen === undefined) return { path: resolve(this.context.cwd, this.socket) };
      throw new InvalidInput("options", ["expected --listen or --socket, found both"]);
    }
    const expected = `a port, or an address of this machine with a port such as ${defaultAddress}`;
    const at = parseListenAddress(this.listen ?? defaultAddress, "--listen", expected);
    if ("path" in at) throw new InvalidInput("--listen", ["for a socket, use --socket PATH"]);
    if (/^(127\.\d+\.\d+\.\d+|::1|localhost)$/i.test(at.host)) return at;
    throw new InvalidInput("--listen", [
      `expected an address of this machine alone, such as 127.0.0.1:${at.port}, found ` +
        `"${at.host}". To open the pages elsewhere, forward the port: ` +
        `ssh -L ${at.port}:localhost:${at.port} HOST`,
    ]);
  }

  #announce(at: ListenAddress, token: string): void {
    const host = "path" in at ? "localhost:9480" : formatListenAddress(at);
    const url = `http://${host}/?token=${token}`;
    const socket = "path" in at ? at.path : null;
    if (this.json) this.printJson(outputSchemas.web, { url, socket });
    else this.print(url);
    if (socket !== null) {
      this.say(`forward the socket, then open the URL: ssh -L 9480:${socket} HOST`);
    }
    this.say("press Ctrl-C to stop");
  }
}
