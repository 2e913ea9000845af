import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { newKey, readAnyKey, readKeyFolder } from "../../pool/trust/keys.ts";
import { PdoflowCommand } from "../shell/command.ts";

export class KeysNewCommand extends PdoflowCommand {
  static override paths = [["keys", "new"]];
  static override usage = Command.Usage({
    description: "make a key to sign postings with",
    details: `
      Writes the private key to the file, by default \`pdoflow.key\`, which only its owner can read,
      and the public key to \`FILE.pub\`. Copy the public one into the folder that pools are
      given by --trust. docs/signing.md tells the rest.
    `,
    examples: [["Make a key, and sign with it", "$0 keys new ann.key"]],
  });
  file = Option.String({ name: "file", required: false });

  async run() {
    const file = resolve(this.context.cwd, this.file ?? "pdoflow.key");
    const { keyId, publicFile } = newKey(file);
    if (this.json) this.printJson(documents.keysNew, { keyId, privateFile: file, publicFile });
    else this.print(keyId);
    this.say(
      `the private key is ${file}: keep it, and sign with: pdoflow post --sign ${file}\n` +
        `the public key is ${publicFile}: copy it into the folder of pool --trust`,
    );
    return exitCodes.ok;
  }
}

export class KeysShowCommand extends PdoflowCommand {
  static override paths = [["keys", "show"]];
  static override usage = Command.Usage({
    description: "print what a key is called, of the private or the public file",
  });
  file = Option.String({ name: "file" });

  async run() {
    const key = readAnyKey(resolve(this.context.cwd, this.file));
    if (this.json) this.printJson(documents.key, key);
    else this.print(key.keyId);
    return exitCodes.ok;
  }
}

export class KeysListCommand extends PdoflowCommand {
  static override paths = [["keys", "list"]];
  static override usage = Command.Usage({
    description: "list the keys of a folder as a pool with --trust reads it",
    details: `
      Each file NAME.pub is a key. Those in the file \`revoked\`, one in a line, are not trusted.
    `,
    examples: [["What a pool trusts", "$0 keys list keys.d"]],
  });
  folder = Option.String({ name: "folder" });

  async run() {
    const found = readKeyFolder(resolve(this.context.cwd, this.folder));
    const keys = found.map(({ keyId, file, isRevoked }) => ({ keyId, file, isRevoked }));
    if (this.json) this.printJson(documents.keys, { keys });
    else {
      this.printTable(
        ["key", "state", "file"],
        keys.map(({ keyId, file, isRevoked }) => [keyId, isRevoked ? "revoked" : "trusted", file]),
      );
    }
    return exitCodes.ok;
  }
}
