// Prints the answer of the server whose socket is in the folder of argument 1 to this user.
import { probe } from "../../src/server/probe.ts";

const host = process.argv[2] ?? "";
const answer = await probe({ host, port: 5432, username: "pdoflow", database: "pdoflow" }).catch(
  (error: unknown) => String(error),
);
process.stdout.write(answer);
