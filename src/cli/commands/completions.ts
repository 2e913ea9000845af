import { Command, Option } from "clipanion";
import * as v from "valibot";

import { exitCodes } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { completionScript, shells } from "../shell/completion-scripts.ts";
import { allCommandTexts } from "../shell/reference.ts";

const ShellName = v.picklist(shells, "expected bash, zsh or fish");

export class CompletionsCommand extends PdoflowCommand {
  static override paths = [["completions"]];
  static override usage = Command.Usage({
    description: "print a completion script for bash, zsh or fish",
    examples: [
      ["bash, in ~/.bashrc", "source <($0 completions bash)"],
      ["zsh, in ~/.zshrc after compinit", "source <($0 completions zsh)"],
      ["fish, in ~/.config/fish/config.fish", "$0 completions fish | source"],
    ],
  });
  shell = Option.String({ name: "bash|zsh|fish" });

  async run() {
    const shell = parse(ShellName, this.shell, "shell");
    this.print(completionScript(shell, await allCommandTexts(this.context.commands)).trimEnd());
    return exitCodes.ok;
  }
}
