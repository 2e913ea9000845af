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
import { documents } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { byteSize, wholeNumber } from "../shell/flag-values.ts";

const kinds = ["poster", "viewer", "operator", "pool", "owner"] as const;

const Words = v.object({
  role: v.pipe(v.string("expected --role NAME"), v.minLength(1, "expected the name of a role")),
  as: v.literal("as", "expected: as poster, viewer, operator, pool or owner"),
  kind: v.picklist(kinds, `expected as one of ${kinds.join(", ")}`),
});

const bytes = (least: number) =>
  v.pipe(
    byteSize,
    v.minValue(least, `expected at least ${least}`),
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
    description: "print the statements, and run none",
  });

  protected words(rest: readonly string[]) {
    const [as, kind, ...more] = rest;
    if (more.length > 0) {
      throw new InvalidInput("words", [`expected nothing after ${kind ?? ""}: ${more.join(" ")}`]);
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
        this.printJson(documents.grant, { role, kind: grant.kind, isRevoked: revokes });
      else this.say(`${role} ${verb} ${grant.kind} of the queue in schema ${db.target.schema}`);
      return exitCodes.ok;
    });
  }
}

export class GrantCommand extends RoleCommand {
  static override paths = [["grant"]];
  static override usage = Command.Usage({
    description: "let a database role post, look, steer, run pools or own the queue",
    details: `
      A poster posts, and sees and steers its own postings; a viewer sees all; an operator sees and
      steers all; a pool runs jobs; the owner is one role, to which everything is handed over. A
      role may be several. docs/security.md tells what each may do. Without words it lists what was
      granted.
    `,
    examples: [
      ["Ada may post", "$0 grant --role ada as poster --max-open 1000"],
      ["A pool for everybody's jobs", "$0 grant --role cluster as pool"],
      ["Ada may run her own jobs on her own machine", "$0 grant --role ada as pool --own"],
      ["See what would be run", "$0 grant --role ada as poster --show-sql"],
    ],
  });
  posters = Option.String("--posters", {
    description: "a pool: the roles whose jobs it may run, with its own; by default everybody's",
  });
  own = Option.Boolean("--own", false, { description: "a pool: it may run its role's jobs alone" });
  share = Option.String("--share", {
    description: "a poster: the weight of its turns among others of a priority; by default 1",
  });
  maxOpen = Option.String("--max-open", {
    description: "a poster: how many of its postings may be open; by default any number",
  });
  maxArgument = Option.String("--max-argument", {
    description: "a poster: how many bytes the arguments of one job may have; by default any",
  });
  maxResult = Option.String("--max-result", {
    description: "a poster: how many bytes a job may return, such as 64K; by default 64M",
  });
  maxOutput = Option.String("--max-output", {
    description: "a poster: how much of each of stdout and stderr is kept; by default 64K",
  });
  rest = Option.Rest({ name: "as KIND" });

  async run() {
    if (this.role === undefined && this.rest.length === 0) return await this.list();
    const { role, kind } = this.words(this.rest);
    return await this.change(role, this.#grant(kind), false);
  }

  #grant(kind: Grant["kind"]): Grant {
    const { share, maxOpen, ...most } = parseFlags(Limits, this);
    const ofPoster = [this.share, this.maxOpen, this.maxArgument, this.maxResult, this.maxOutput];
    const forOthers = [
      ...(kind !== "pool" && (this.own || this.posters !== undefined)
        ? ["--own and --posters are for a pool"]
        : []),
      ...(kind !== "poster" && ofPoster.some((o) => o !== undefined)
        ? ["--share and --max-… are for a poster"]
        : []),
      ...(this.own && this.posters !== undefined ? ["expected --own or --posters, not both"] : []),
    ];
    if (forOthers.length > 0) throw new InvalidInput("options", forOthers);
    const posters = this.posters?.split(",").map((name) => name.trim()) ?? (this.own ? [] : null);
    return {
      ...{ kind, posters, share, maxOpen: maxOpen ?? null },
      maxArgumentBytes: most.maxArgument ?? null,
      maxResultBytes: most.maxResult ?? null,
      maxOutputBytes: most.maxOutput ?? null,
    };
  }

  async list() {
    return await this.withDatabase(async (db) => {
      const grants = [...(await readGrants(db))];
      if (this.json) this.printJson(documents.grants, { grants });
      else this.printTable(["role", "as", "with"], grants.map(grantCells));
      return exitCodes.ok;
    });
  }
}

function grantCells({ role, kind, posters, share, ...most }: GrantRow): string[] {
  const limits = {
    "--max-open": most.maxOpen,
    "--max-argument": most.maxArgumentBytes,
    "--max-result": most.maxResultBytes,
    "--max-output": most.maxOutputBytes,
  };
  const more = [
    ...(posters === null ? [] : [posters.length === 0 ? "--own" : `--posters ${posters.join()}`]),
    ...(share === 1 ? [] : [`--share ${share}`]),
    ...Object.entries(limits).flatMap(([name, limit]) =>
      limit === null ? [] : [`${name} ${limit}`],
    ),
  ];
  return [role, kind, more.join(" ")];
}

export class RevokeCommand extends RoleCommand {
  static override paths = [["revoke"]];
  static override usage = Command.Usage({
    description: "take from a database role what was granted",
    details: `
      What it has posted stays. Sessions that are open lose their rights at once. A queue always has
      an owner: grant that to another role.
    `,
    examples: [["Ada may post no more", "$0 revoke --role ada as poster"]],
  });
  rest = Option.Rest({ name: "as KIND" });

  async run() {
    const { role, kind } = this.words(this.rest);
    if (kind === "owner") {
      throw new InvalidInput("revoke", ["expected another kind: grant the queue to a new owner"]);
    }
    const most = { maxOpen: null, maxArgumentBytes: null, maxResultBytes: null };
    const grant = { kind, posters: null, share: 1, ...most, maxOutputBytes: null };
    return await this.change(role, grant, true);
  }
}
