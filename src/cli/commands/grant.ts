import { Command, Option } from "clipanion";
import * as v from "valibot";

import {
  type Grant,
  grantKind,
  type GrantRow,
  grantStatements,
  readGrants,
  revokeKind,
} from "../../db/admin/grants.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { orList } from "../../domain/states.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { byteSize, wholeNumber } from "../shell/flag-values.ts";

const kinds = ["poster", "viewer", "operator", "pool", "scaler", "owner"] as const;

const Words = v.object({
  role: v.pipe(v.string("expected --role NAME"), v.minLength(1, "expected the name of a role")),
  as: v.literal("as", `expected: as ${orList(kinds)}`),
  kind: v.picklist(kinds, `expected one of ${kinds.join(", ")} after "as"`),
});

const bytes = (min: number) =>
  v.pipe(
    byteSize,
    v.minValue(min, `expected at least ${min}`),
    v.maxValue(2 ** 31 - 1, "expected less than 2G"),
  );

const Limits = v.object({
  share: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,3}(\.\d+)?$/, "expected a weight such as 2 or 0.5"),
      v.transform(Number),
      v.minValue(0.01, "expected a weight from 0.01 to 100"),
      v.maxValue(100, "expected a weight from 0.01 to 100"),
    ),
    "1",
  ),
  maxOpen: v.optional(wholeNumber(1, 2 ** 31 - 1)),
  maxArgument: v.optional(bytes(1)),
  maxResult: v.optional(bytes(1)),
  maxOutput: v.optional(bytes(0)),
});

abstract class RoleCommand extends PdoflowCommand {
  role = Option.String("--role", { description: "the database role" });
  showSql = Option.Boolean("--show-sql", false, {
    description: "print the SQL statements instead of running them",
  });

  protected words(rest: readonly string[]) {
    const [as, kind, ...more] = rest;
    if (more.length > 0) {
      throw new InvalidInput("words", [
        `expected no more words after "${kind ?? ""}", found "${more.join(" ")}"`,
      ]);
    }
    return parse(Words, { role: this.role, as, kind }, "words");
  }

  protected async change(role: string, grant: Grant, revokes: boolean) {
    return await this.withDatabase(async (db) => {
      if (this.showSql) {
        const statements = await grantStatements(db, role, grant, revokes);
        this.print(statements.map((text) => `${text};`).join("\n"));
        return exitCodes.ok;
      }
      if (revokes) await revokeKind(db, role, grant);
      else await grantKind(db, role, grant);
      const verb = revokes ? "is no longer" : "is now";
      if (this.json)
        this.printJson(outputSchemas.grant, { role, kind: grant.kind, isRevoked: revokes });
      else this.say(`${role} ${verb} ${grant.kind} of the queue in schema ${db.target.schema}`);
      return exitCodes.ok;
    });
  }
}

export class GrantCommand extends RoleCommand {
  static override paths = [["grant"]];
  static override usage = Command.Usage({
    description: "allow a database role to post, view, operate, run pools, scale or own the queue",
    details: `
      A poster posts jobs and controls its own postings. A viewer sees all postings. An operator
      sees and controls all postings. A pool runs jobs. A scaler can only read how many worker slots
      the queue needs (\`pdoflow depth\`). The owner is a single role, and granting it transfers the
      queue. A role can have several of these; docs/security.md describes each. Without arguments,
      lists the current grants.
    `,
    examples: [
      ["Allow ada to post", "$0 grant --role ada as poster --max-open 1000"],
      ["Allow a pool to run all jobs", "$0 grant --role cluster as pool"],
      ["Allow ada to run her own jobs on her machine", "$0 grant --role ada as pool --own"],
      ["Print the SQL statements only", "$0 grant --role ada as poster --show-sql"],
    ],
  });
  posters = Option.String("--posters", {
    description: "for a pool: run jobs of these roles and its own only (default: all roles)",
  });
  own = Option.Boolean("--own", false, {
    description: "for a pool: run jobs of its own role only",
  });
  share = Option.String("--share", {
    description: "for a poster: its weight among posters of equal priority (default: 1)",
  });
  maxOpen = Option.String("--max-open", {
    description: "for a poster: at most N open postings (default: unlimited)",
  });
  maxArgument = Option.String("--max-argument", {
    description: "for a poster: the largest arguments of a job (default: unlimited)",
  });
  maxResult = Option.String("--max-result", {
    description: "for a poster: the largest return value of a job, such as 64K (default: 64M)",
  });
  maxOutput = Option.String("--max-output", {
    description: "for a poster: how much of stdout and of stderr to keep per job (default: 64K)",
  });
  rest = Option.Rest({ name: "as KIND" });

  async run() {
    if (this.role === undefined && this.rest.length === 0) return await this.list();
    const { role, kind } = this.words(this.rest);
    return await this.change(role, this.#grant(kind), false);
  }

  #grant(kind: Grant["kind"]): Grant {
    const { share, maxOpen, maxArgument, maxResult, maxOutput } = parseFlags(Limits, this);
    const ofPoster = [this.share, this.maxOpen, this.maxArgument, this.maxResult, this.maxOutput];
    const problems = [
      ...(kind !== "pool" && (this.own || this.posters !== undefined)
        ? ["--own and --posters apply to a pool only"]
        : []),
      ...(kind !== "poster" && ofPoster.some((o) => o !== undefined)
        ? ["--share and the --max options apply to a poster only"]
        : []),
      ...(this.own && this.posters !== undefined
        ? ["expected --own or --posters, found both"]
        : []),
    ];
    if (problems.length > 0) throw new InvalidInput("options", problems);
    const posters = this.posters?.split(",").map((name) => name.trim()) ?? (this.own ? [] : null);
    return {
      kind,
      posters,
      share,
      maxOpen: maxOpen ?? null,
      maxArgumentBytes: maxArgument ?? null,
      maxResultBytes: maxResult ?? null,
      maxOutputBytes: maxOutput ?? null,
    };
  }

  async list() {
    return await this.withDatabase(async (db) => {
      const grants = [...(await readGrants(db))];
      if (this.json) this.printJson(outputSchemas.grants, { grants });
      else this.printTable(["role", "as", "with"], grants.map(grantCells));
      return exitCodes.ok;
    });
  }
}

function grantCells({ role, kind, posters, share, ...caps }: GrantRow): string[] {
  const limits = {
    "--max-open": caps.maxOpen,
    "--max-argument": caps.maxArgumentBytes,
    "--max-result": caps.maxResultBytes,
    "--max-output": caps.maxOutputBytes,
  };
  const options = [
    ...(posters === null ? [] : [posters.length === 0 ? "--own" : `--posters ${posters.join()}`]),
    ...(share === 1 ? [] : [`--share ${share}`]),
    ...Object.entries(limits).flatMap(([name, limit]) =>
      limit === null ? [] : [`${name} ${limit}`],
    ),
  ];
  return [role, kind, options.join(" ")];
}

export class RevokeCommand extends RoleCommand {
  static override paths = [["revoke"]];
  static override usage = Command.Usage({
    description: "revoke a grant from a database role",
    details: `
      Its postings remain. Open sessions lose the privilege at once. A queue always has an owner; to
      change it, grant ownership to another role.
    `,
    examples: [["Stop ada from posting", "$0 revoke --role ada as poster"]],
  });
  rest = Option.Rest({ name: "as KIND" });

  async run() {
    const { role, kind } = this.words(this.rest);
    if (kind === "owner") {
      throw new InvalidInput("kind", [
        `expected ${orList(kinds.filter((each) => each !== "owner"))}, found owner. ` +
          "Grant ownership to another role",
      ]);
    }
    const grant = {
      kind,
      posters: null,
      share: 1,
      maxOpen: null,
      maxArgumentBytes: null,
      maxResultBytes: null,
      maxOutputBytes: null,
    };
    return await this.change(role, grant, true);
  }
}
