import { expect, test } from "bun:test";

import * as v from "valibot";

import { flagValues } from "../../../src/cli/input/posting-flags.ts";
import { optionList } from "../../../src/domain/posting-options.ts";

const stated = optionList.flatMap(({ name, help = "", schema }) => {
  const [, text] = /\(default: (\S+)\)/.exec(help) ?? [];
  return text === undefined ? [] : [{ name, text, value: v.getDefault(schema) }];
});

test.each(stated)(
  "the default of $name in help, $text, is its default",
  ({ name, text, value }) => {
    const schemas: Readonly<Record<string, v.GenericSchema>> = flagValues;
    const schema = schemas[name] ?? v.never();
    expect(text === "none" ? null : v.parse(schema, text)).toEqual(value);
  },
);
