import { Command, Option } from "clipanion";

import { parseResourceList, type Provides } from "../../domain/capabilities.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { DesiredPages } from "../health/desired-pages.ts";
import { ExporterPages } from "../health/exporter-pages.ts";
import { QueueCollector } from "../health/queue-collector.ts";
import { HttpServer } from "../http/http-server.ts";
import { formatListenAddress, parseListenAddress } from "../http/listen-address.ts";
import { PdoflowCommand } from "../shell/command.ts";

const providesMax = 20;

export class ExporterCommand extends PdoflowCommand {
  static override paths = [["exporter"]];
  static override usage = Command.Usage({
    description: "serve metrics of the queue for Prometheus",
    details: `
      Serves /metrics with the figures of the queue: jobs and postings by state, pools, slots that
      are wanted, schedules. Start it once for a queue; each pool serves its own metrics with
      \`$0 pool --health\`. It reads the figures at most once in 10 seconds, and needs a role that
      was granted viewer. It also serves /desired, /livez and /readyz (docs/metrics.md).
    `,
    examples: [
      ["Serve metrics on port 9471 of this machine", "$0 exporter"],
      ["Count the slots for two kinds of pools", "$0 exporter --for '' --for gpu"],
    ],
  });
  listen = Option.String("--listen", "9471", {
    description:
      "listen on this port, such as 9471 or 0.0.0.0:9471, or socket (default: 127.0.0.1:9471)",
  });
  provides = Option.Array("--for", [], {
    description:
      "show how many slots jobs could keep busy of pools that provide this, such as gpu,mem=64G, " +
      "or '' for nothing; can be repeated 20 times (default: for all jobs together)",
  });

  async run() {
    const at = parseListenAddress(this.listen, "--listen");
    const provides = providesByLabel(this.provides);
    const { context } = this;
    const target = await this.withDatabase((db) => Promise.resolve(db.target));
    const say = (line: string) => this.say(`exporter: ${line}`);
    await using collector = new QueueCollector(target, { provides, log: say });
    await using desired = new DesiredPages(target, say);
    using pages = new ExporterPages(collector, desired);
    const stopped = Promise.withResolvers<void>();
    const offSignals = context.onStopSignal(() => stopped.resolve());
    try {
      await using server = await HttpServer.listen(at, (request) => pages.answer(request));
      say(`listening on ${formatListenAddress(server.address)}`);
      await stopped.promise;
    } finally {
      offSignals();
    }
    return exitCodes.ok;
  }
}

/** What pools provide, by the value of their label; all pools together as "any". */
function providesByLabel(texts: readonly string[]): Map<string, Provides | null> {
  if (texts.length > providesMax) {
    throw new InvalidInput("--for", [
      `expected it at most ${providesMax} times, found ${texts.length}`,
    ]);
  }
  if (texts.length === 0) return new Map([["any", null]]);
  return new Map(texts.map((text) => [text, parseResourceList(text, "--for")]));
}
