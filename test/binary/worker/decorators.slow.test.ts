import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { project, runOne } from "../../pool/worker/project.ts";
import { openCli } from "../cli.ts";

const legacy = `
  export function Twice(_owner: object, _name: string, found: PropertyDescriptor) {
    const once = found.value;
    found.value = function (n: number) { return 2 * once.call(this, n); };
  }
  export const Column = (owner: any, name: string) => void (owner.columns = [...(owner.columns ?? []), name]);
  export const Inject = () => (owner: any, _name: unknown, at: number) => void (owner.injected = at);
  export const types: unknown[] = [];
  (Reflect as any).metadata = (key: string, value: unknown) => () => void types.push([key, value]);
`;
const source = `
  import { job } from "pdoflow";
  import { Column, Inject, Twice, types } from "@lib/legacy";
  import { Tasks as Standard } from "../new/standard";
  class Star {
    @Column name = "Vega";
    constructor(_first: number, @Inject() _second: number) {}
    @Twice next(n: number) { return n + 1; }
  }
  export class Tasks {
    @job static all(n: number) {
      const star: any = new Star(1, 2);
      const isTyped = types.some(([key, value]: any) => key === "design:type" && value === String);
      return [star.next(n), star.columns, (Star as any).injected, isTyped, Standard.what()];
    }
  }`;

test("legacy decorators work as the nearest tsconfig.json, or one that it extends, says", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    "base/tsconfig.json": `{ "compilerOptions": { "experimentalDecorators": true, }, }`,
    "tsconfig.json": `{
      // as in the projects of Nest and TypeORM
      "extends": "./base/tsconfig",
      "compilerOptions": { "emitDecoratorMetadata": true, "paths": { "@lib/*": ["./lib/*"] } }
    }`,
    "lib/legacy.ts": legacy,
    "src/star.ts": source.replace("@Column name =", "@Column name: string ="),
    "new/tsconfig.json": "{}",
    "new/standard.ts": `
      const kind = (_method: unknown, { kind }: { kind: string }) => () => kind;
      export class Tasks { @kind static what() { return ""; } }`,
  });
  expect(await runOne(cli, db, "src/star.ts#Tasks.all", [1])).toEqual([
    ...[4, ["name"], 1, true],
    "method",
  ]);
  expect(await runOne(cli, db, "new/standard.ts#Tasks.what", [])).toBe("method");
});

test("without experimentalDecorators, decorators are those of the language", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    "fn.ts": `
      const kind = (_method: unknown, { kind }: { kind: string }) => () => kind;
      export class Tasks { @kind static what() { return ""; } }`,
  });
  expect(await runOne(cli, db, "fn.ts#Tasks.what", [])).toBe("method");
});
