// A process that makes sure of a server, as every command of pdoflow does: `PDOFLOW_DATA` says
// where. Its last line is a JSON of the address, or of the error's name and message.
import { serverPaths } from "../../src/db/settings/server-paths.ts";
import { ensureServer } from "../../src/server/server.ts";

const place = serverPaths({
  env: process.env,
  uid: process.getuid?.() ?? -1,
  platform: process.platform,
  home: process.env["HOME"] ?? "",
});
try {
  const address = await ensureServer(place, { onProgress: (sentence) => print(sentence) });
  print(JSON.stringify(address));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  print(JSON.stringify({ name: error.name, message: error.message }));
  process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
