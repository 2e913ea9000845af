import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { Command, Option } from "clipanion";

import { obeyed } from "../../db/settings/parameters.ts";
import { sharedServiceFiles } from "../../db/settings/service-file.ts";
import {
  configuredSettings,
  configuredTarget,
  embeddedSource,
  embeddedTarget,
  schemaName,
  settingsFile,
  type Target,
} from "../../db/settings/target.ts";
import { urlOf } from "../../db/settings/target-url.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { serverState } from "../../server/server.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** One setting as it is shown. A secret has no value, only whether it is set. */
interface SettingLine {
  name: string;
  value: string | null;
  isSet: boolean;
  from: string | null;
}

export class ConfigCommand extends PdoflowCommand {
  static override paths = [["config"]];
  static override usage = Command.Usage({
    description: "show the connection settings and where each comes from, without connecting",
    details: `
      Lists each connection parameter with its value and the flag, variable or file that sets it,
      then the configuration files and whether they exist. Passwords are never printed.
    `,
    examples: [
      ["Show the settings in this folder", "$0 config"],
      ["The URL for another program, without the password", "$0 config --url"],
    ],
  });

  url = Option.Boolean("--url", false, {
    description: "print only the URL of the server, for psql and other programs",
  });

  async run() {
    const { env } = this.context;
    const found = configuredSettings(this.database, env);
    const target = configuredTarget(this.database, env);
    if (this.url) {
      const { address } = this.embeddedPaths;
      this.print(urlOf(target ?? embeddedTarget(address, schemaName(env)), found?.settings));
      return exitCodes.ok;
    }
    const source = found?.source ?? embeddedSource;
    const settings = target ? this.#configured(target) : this.#embedded();
    const schema = env["PDOFLOW_SCHEMA"] === undefined ? "the default" : "PDOFLOW_SCHEMA";
    settings.push({ name: "schema", value: schemaName(env), isSet: true, from: schema });
    const files = this.#files().map((path) => ({ path, isThere: existsSync(path) }));
    if (this.json) this.printJson(outputSchemas.config, { source, settings, files });
    else {
      this.say(`the server is set by ${source}`);
      this.printTable(
        ["setting", "value", "from"],
        settings.map(({ name, value, isSet, from }) => [
          name,
          value ?? (isSet ? "set" : "not set"),
          from ?? "",
        ]),
      );
      this.print("");
      this.printTable(
        ["file", "found"],
        files.map(({ path, isThere }) => [path, isThere ? "yes" : "no"]),
      );
    }
    return await Promise.resolve(exitCodes.ok);
  }

  #configured(target: Target): SettingLine[] {
    const settings = configuredSettings(this.database, this.context.env)?.settings ?? new Map();
    const addresses = [target, ...(target.others ?? [])];
    const byDefault: Readonly<Record<string, string>> = {
      host: addresses.map(({ host }) => host).join(","),
      port: addresses.map(({ port }) => port).join(","),
      dbname: target.database,
      user: target.user,
      sslmode: target.tls === false ? "disable" : target.tls,
    };
    return Object.keys(obeyed).flatMap((name): SettingLine[] => {
      const setting = [...settings].find(([keyword]) => keyword === name)?.[1];
      if (name === "password" || name === "sslpassword") {
        const isSet = setting !== undefined || (name === "password" && hasPassword(target));
        const from = setting?.from ?? (isSet ? "the password file" : null);
        return name === "password" || isSet ? [{ name, value: null, isSet, from }] : [];
      }
      const value = byDefault[name] ?? setting?.value;
      if (value === undefined) return [];
      return [{ name, value, isSet: true, from: setting?.from ?? "the default" }];
    });
  }

  #embedded(): SettingLine[] {
    const paths = this.embeddedPaths;
    const isNamed = this.context.env["PDOFLOW_DATA"] !== undefined;
    const from = isNamed ? "PDOFLOW_DATA" : "the default";
    const state = serverState(paths).kind;
    return [
      { name: "data", value: paths.folder, isSet: true, from },
      { name: "server", value: state, isSet: true, from: null },
    ];
  }

  /** The files that may hold settings, including those of PostgreSQL. */
  #files(): string[] {
    const { env, home } = this.context;
    const own = home || homedir();
    const ours = settingsFile(env);
    return [
      ...(ours === null ? [] : [ours]),
      env["PGSERVICEFILE"] || join(own, ".pg_service.conf"),
      ...sharedServiceFiles(env),
      env["PGPASSFILE"] || join(own, ".pgpass"),
      ...["root.crt", "postgresql.crt", "postgresql.key"].map((name) =>
        join(own, ".postgresql", name),
      ),
    ];
  }
}

const hasPassword = (target: Target): boolean =>
  [target, ...(target.others ?? [])].some(({ password }) => password !== undefined);
