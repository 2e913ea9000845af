import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { newKey, readAnyKey, readKeyFolder } from "../../pool/trust/keys.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class KeysNewCommand extends PdoflowCommand {
  static override paths = [["keys", "new"]];
  static override usage = Command.Usage({
    description: "create a key pair for signing postings",
    details: `
      Writes the private key to the file (default: \`pdoflow.key\`), readable by its owner only, and
      the public key to \`FILE.pub\`. Copy the public key into the folder that pools use with
      --trust. See docs/signing.md.
    `,
    examples: [["Create a key pair", "$0 keys new ann.key"]],
  });
  file = Option.String({ name: "file", required: false });

  async run() {
    const file = resolve(this.context.cwd, this.file ?? "pdoflow.key");
    const { keyId, publicFile } = newKey(file);
    if (this.json) this.printJson(outputSchemas.keysNew, { keyId, privateFile: file, publicFile });
    else this.print(keyId);
    this.say(
      `private key: ${file}. Keep it secret. Sign with: pdoflow post --sign ${file}\n` +
        `public key: ${publicFile}. Copy it into the folder of pool --trust`,
    );
    return exitCodes.ok;
  }
}

export class KeysShowCommand extends PdoflowCommand {
  static override paths = [["keys", "show"]];
  static override usage = Command.Usage({
    description: "print the identifier of a private or public key file",
  });
  file = Option.String({ name: "file" });

  async run() {
    const key = readAnyKey(resolve(this.context.cwd, this.file));
    if (this.json) this.printJson(outputSchemas.key, key);
    else this.print(key.keyId);
    return exitCodes.ok;
  }
}

export class KeysListCommand extends PdoflowCommand {
  static override paths = [["keys", "list"]];
  static override usage = Command.Usage({
    description: "list the keys in a folder as `pool --trust` reads it",
    details: `
      Each file NAME.pub is a key. Keys listed in the file \`revoked\`, one per line, are not
      trusted.
    `,
    examples: [["List the keys that a pool trusts", "$0 keys list keys.d"]],
  });
  folder = Option.String({ name: "folder" });

  async run() {
    const found = readKeyFolder(resolve(this.context.cwd, this.folder));
    const keys = found.map(({ keyId, file, isRevoked }) => ({ keyId, file, isRevoked }));
    if (this.json) this.printJson(outputSchemas.keys, { keys });
    else {
      this.printTable(
        ["key", "state", "file"],
        keys.map(({ keyId, file, isRevoked }) => [keyId, isRevoked ? "revoked" : "trusted", file]),
      );
    }
    return exitCodes.ok;
  }
}
