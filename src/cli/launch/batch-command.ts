import { Option } from "clipanion";
import * as v from "valibot";

import { readDesired } from "../../db/dashboard/desired.ts";
import { configuredSettings, configuredTarget } from "../../db/settings/target.ts";
import { type ExitCode, exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { forOption, projectOption, scaledPools } from "../input/desired-flags.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findProgram } from "../shell/find-program.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { parseFlags } from "../shell/flags.ts";
import { type Engine, withOptions, withPoolOptions } from "./engine.ts";
import { checkFill } from "./fill-options.ts";
import { runWithInput } from "./run-with-input.ts";

class EngineFailed extends PdoflowError {
  override readonly name = "EngineFailed";
  readonly exitCode = exitCodes.system;
}

const Options = v.object({
  slots: v.optional(wholeNumber(1, 1024), "4"),
  maxPools: v.optional(wholeNumber(1, 10_000), "20"),
  jobName: v.pipe(
    v.string(),
    v.regex(/^[\w.-]+$/, "expected letters, digits, '.', '_' and '-', such as pdoflow-pool"),
  ),
});

/** Prints or submits an array job whose tasks are pools. */
export abstract class LaunchBatchCommand extends PdoflowCommand {
  fill = Option.Boolean("--fill", false, { description: "submit the pools that are missing" });
  check = Option.Boolean("--check", false, {
    description: "ask whether a pool would be accepted, and submit nothing",
  });
  slots = Option.String("--slots", {
    description: "give each pool N CPUs, and as many worker slots (default: 4)",
  });
  maxPools = Option.String("--max-pools", {
    description: "have at most N pools that run or wait (default: 20)",
  });
  provides = forOption("with --fill, count only");
  project = projectOption("with --fill, count only");
  jobName = Option.String("--job-name", "pdoflow-pool", {
    description: "the name of the job, by which pools are counted (default: pdoflow-pool)",
  });
  protected abstract readonly engine: Engine;
  /** Options of the engine, and after another `--` those of the pools. */
  protected abstract readonly options: string[];

  async run(): Promise<ExitCode> {
    const { slots, maxPools, jobName: name } = parseFlags(Options, this);
    checkFill(this);
    const { own: options, ofPool } = this.#words();
    const engine = { ...this.engine, script: withPoolOptions(this.engine.script, ofPool) };
    const optionsFor = (pools: number) => engine.optionsOf({ pools, slots, name, options });
    if (this.check) {
      const { stdout, stderr } = await this.#ask(engine, [...engine.check, ...optionsFor(1)]);
      this.say(`${stdout}${stderr}`.trim());
      return exitCodes.ok;
    }
    if (!this.fill) {
      this.print(withOptions(engine, optionsFor(maxPools)).trimEnd());
      return exitCodes.ok;
    }
    const wanted = scaledPools(this, slots);
    this.#checkServer();
    const desired = await this.withDatabase((db) => readDesired(db, wanted));
    const { stdout } = await this.#ask(engine, engine.list(name, this.context.osUser()));
    const present = engine.countIn(stdout, name);
    const missing = Math.max(Math.min(desired.pools, maxPools) - present, 0);
    if (missing > 0) await this.#ask(engine, [...engine.submit, ...optionsFor(missing)]);
    this.say(
      `${engine.name}: ${missing} submitted; ${desired.pools} desired, at most ${maxPools}, ` +
        `${present} there`,
    );
    return exitCodes.ok;
  }

  /**
   * Options of the engine, then options of the pools, which follow another `--`. A first word that
   * is no option would be the script to submit instead of ours.
   *
   * @throws {InvalidInput}
   */
  #words(): { own: string[]; ofPool: string[] } {
    const { engine, options } = this;
    const end = options.indexOf("--");
    const own = end < 0 ? options : options.slice(0, end);
    const [program = ""] = engine.submit;
    const [first] = own;
    if (first !== undefined && !first.startsWith("-")) {
      throw new InvalidInput("arguments", [
        `expected options of ${program} after --, found ${JSON.stringify(first)}`,
      ]);
    }
    return { own, ofPool: end < 0 ? [] : options.slice(end + 1) };
  }

  /**
   * Without an address, each pool would start a server on its node, and serve that queue.
   *
   * @throws {InvalidInput}
   */
  #checkServer(): void {
    const { showsEnvironment, title } = this.engine;
    const given = showsEnvironment && this.database !== undefined;
    if (given && configuredSettings(this.database, {})?.settings.has("password") === true) {
      throw new InvalidInput("--database", [
        `expected no password: ${title} shows the environment of a job to everybody. ` +
          "Put it into ~/.pgpass",
      ]);
    }
    if (configuredTarget(this.database, this.context.env)) return;
    throw new InvalidInput("--fill", [
      "expected the address of a database that the nodes can reach, in --database, " +
        "PDOFLOW_DATABASE_URL or ~/.config/pdoflow/db.conf, found none",
    ]);
  }

  /** Runs a command of the engine, which may read the script. */
  async #ask({ title, script }: Engine, [name = "", ...args]: string[]) {
    const { cwd } = this.context;
    // The tasks get the environment of the submitter, so the pools use the server of this command.
    const url = this.database === undefined ? {} : { PDOFLOW_DATABASE_URL: this.database };
    const env = { ...this.context.env, ...url };
    const remedy = `Run this on a machine that can submit to ${title}.`;
    const program = findProgram(name, env, remedy);
    const { stdout, stderr, code } = await runWithInput([program, ...args], script, { cwd, env });
    if (code === 0) return { stdout, stderr };
    const said = `${stdout}${stderr}`.trim();
    throw new EngineFailed(`expected ${name} to succeed, it exited with ${code}: ${said}`);
  }
}
