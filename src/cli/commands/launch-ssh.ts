import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import * as v from "valibot";

import { readDesired } from "../../db/dashboard/desired.ts";
import { type ExitCode, exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { forOption, projectOption, scaledPools } from "../input/desired-flags.ts";
import { checkFill } from "../launch/fill-options.ts";
import { checkHosts, type HostAnswer, Hosts, hostsIn } from "../launch/hosts.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";

class HostsFailed extends PdoflowError {
  override readonly name = "HostsFailed";
  readonly exitCode = exitCodes.system;
}

const Options = v.object({
  slots: v.optional(wholeNumber(1, 1024)),
  maxPools: v.optional(wholeNumber(1, 10_000)),
  poolName: v.pipe(
    v.string(),
    v.regex(/^[\w-][\w.-]*$/, "expected letters, digits, '.', '_' and '-', such as pdoflow-pool"),
  ),
});

export class LaunchSshCommand extends PdoflowCommand {
  static override paths = [["launch", "ssh"]];
  static override usage = Command.Usage({
    description: "start pools on other machines by ssh",
    details: `
      Starts a pool on each host, in the background, and waits until it is connected to the
      database. A host whose pool from an earlier call still runs is left alone, so you can run it
      again at any time. With --fill it starts only as many pools as jobs could keep busy
      (\`$0 depth\`), on the first hosts that have none. Stop the pools with \`$0 drain HOST\`.

      It uses your ssh and its configuration, without asking for a password. Hosts need Linux, $0,
      and the code in the folder --root. They use their own settings for the database, or with
      --send-url the address that you use here. It is sent through the connection, and is in no
      list of arguments.

      Arguments after \`--\` are options of \`$0 pool\`. The exit code is 4 if there is no ssh, and
      71 if a host failed.
    `,
    examples: [
      [
        "Start pools that exit when idle",
        "$0 launch ssh node1 node2 --root sim -- --idle-timeout 10m",
      ],
      [
        "Use as many of the hosts of a file as jobs need",
        "$0 launch ssh --hosts nodes --fill --slots 16",
      ],
      [
        "Check ssh, the program, the folder and the database",
        "$0 launch ssh --check --hosts nodes",
      ],
    ],
  });
  hostsFile = Option.String("--hosts", { description: "read hosts from a file, one a line" });
  fill = Option.Boolean("--fill", false, {
    description: "start no more pools than jobs could keep busy; needs --slots",
  });
  check = Option.Boolean("--check", false, {
    description: "check that a pool could start on each host, and start none",
  });
  slots = Option.String("--slots", {
    description: "give each pool N worker slots (default: the number of cpus of its host)",
  });
  maxPools = Option.String("--max-pools", {
    description: "with --fill, have pools on at most N hosts (default: all)",
  });
  provides = forOption("with --fill, count only");
  project = projectOption("with --fill, count only");
  root = Option.String("--root", {
    description: "the folder on each host to which entry points are relative (default: the home)",
  });
  program = Option.String("--program", "pdoflow", {
    description: "the program on each host, if it is not on the PATH (default: pdoflow)",
  });
  poolName = Option.String("--pool-name", "pdoflow-pool", {
    description: "the name of the log file of the pool; a host has one pool of each name",
  });
  sendUrl = Option.Boolean("--send-url", false, {
    description: "have the pools use the database address of this command",
  });
  words = Option.Rest({ name: "hosts -- options of pool" });

  async run(): Promise<ExitCode> {
    const { slots, maxPools, poolName: name } = parseFlags(Options, this);
    checkFill(this, { "--max-pools": this.maxPools });
    if (this.fill && slots === undefined) {
      throw new InvalidInput("--fill", ["expected --slots N, the jobs that a host runs at a time"]);
    }
    const { hosts: named, options } = this.#words();
    if (options.some((word) => word === "--quiet" || /^-[a-z]*q/.test(word))) {
      throw new InvalidInput("options of pool", [
        "expected no --quiet: the log of a pool shows whether it has started",
      ]);
    }
    const file = this.hostsFile;
    const listed = file === undefined ? [] : hostsIn(resolve(this.context.cwd, file));
    const hosts = [...new Set([...named, ...listed])];
    checkHosts(hosts);
    const ssh = new Hosts(this.context.env, {
      ...{ program: this.program, root: this.root ?? null, name, url: this.#url() },
      options: [...(slots === undefined ? [] : ["--max-workers", String(slots)]), ...options],
    });
    if (this.check) return this.#report(await ssh.ask("check", hosts, this.#say));
    if (!this.fill) return this.#report(await ssh.ask("start", hosts, this.#say));
    return await this.#fill(ssh, hosts, { slots: slots ?? 1, maxPools: maxPools ?? hosts.length });
  }

  async #fill(
    ssh: Hosts,
    hosts: readonly string[],
    { slots, maxPools }: { slots: number; maxPools: number },
  ): Promise<ExitCode> {
    const wanted = scaledPools(this, slots);
    const desired = await this.withDatabase((db) => readDesired(db, wanted));
    const found = await ssh.ask("status", hosts);
    const failed = found.filter(({ state }) => state === "failed");
    failed.forEach(this.#say);
    const present = found.filter(({ state }) => state === "there").length;
    const missing = Math.max(Math.min(desired.pools, maxPools) - present, 0);
    const free = found.filter(({ state }) => state === "free").map(({ host }) => host);
    const started = await ssh.ask("start", free.slice(0, missing), this.#say);
    this.say(
      `ssh: ${started.filter(({ state }) => state === "started").length} started; ` +
        `${desired.pools} desired, at most ${Math.min(maxPools, hosts.length)}, ${present} there`,
    );
    const answered = found.filter(({ state }) => state !== "failed");
    const restarted = new Set(started.map(({ host }) => host));
    return this.#report([
      ...[...failed, ...started],
      ...answered.filter(({ host }) => !restarted.has(host)),
    ]);
  }

  /** Hosts, then options of the pool, which follow `--`. */
  #words(): { hosts: string[]; options: string[] } {
    const end = this.words.findIndex((word) => word.startsWith("-"));
    const at = end < 0 ? this.words.length : end;
    return { hosts: this.words.slice(0, at), options: this.words.slice(at) };
  }

  /** The address for the hosts; null for their own. */
  #url(): string | null {
    if (!this.sendUrl) return null;
    const url = this.database ?? this.context.env["PDOFLOW_DATABASE_URL"] ?? "";
    if (url !== "") return url;
    throw new InvalidInput("--send-url", [
      "expected an address in --database or PDOFLOW_DATABASE_URL, found none. Settings of other " +
        "variables and of files are not sent",
    ]);
  }

  readonly #say = ({ host, state, text }: HostAnswer): void => {
    const words = {
      started: `started, log ${text}`,
      there: "has a pool already",
      free: "has no pool",
      ok: `can start a pool, ${text}`,
      failed: `failed: ${text}`,
    };
    this.say(`ssh: ${host}: ${words[state]}`);
  };

  /** @throws {HostsFailed} */
  #report(answers: readonly HostAnswer[]): ExitCode {
    const failed = answers.filter(({ state }) => state === "failed").map(({ host }) => host);
    if (failed.length === 0) return exitCodes.ok;
    throw new HostsFailed(
      `${failed.length} of ${pluralize(answers.length, "host")} failed: ${failed.join(" ")}. ` +
        "Try again when that is mended: hosts with a pool are left alone.",
    );
  }
}
