import { expect, test } from "bun:test";

import { anySizes, chunks, fault, read } from "./chunks.ts";
import { readArguments, type InputOptions } from "../../src/input/read-arguments.ts";
import { parseColumnTypes } from "../../src/input/column.ts";
import type { TableOptions } from "../../src/input/csv.ts";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";

const table = { isPositional: false, hasHeader: true, types: new Map() };

async function readAs(text: string, options: Partial<InputOptions>) {
  const all = { format: "csv" as const, name: "a.csv", table, ...options };
  const batches = await Array.fromAsync(readArguments(chunks(text), all));
  return {
    args: batches.flatMap(({ args }) => args),
    priorities: batches.flatMap(({ priorities }) => priorities ?? []),
  };
}

test("a column has numbers or booleans if all its cells are such, else text", async () => {
  const text = "run,file,on,mag,id\n1,a.fits,true,1.5,007\n2,7,false,nan,8\n3,,,-inf,9\n";
  expect(await read(text, "a.csv")).toEqual([
    '{"run":1,"file":"a.fits","on":true,"mag":1.5,"id":"007"}',
    '{"run":2,"file":"7","on":false,"mag":{"$number":"NaN"},"id":"8"}',
    '{"run":3,"file":"","on":null,"mag":{"$number":"-Infinity"},"id":"9"}',
  ]);
});

test("a whole number that no double holds makes a column text", async () => {
  expect(await read("id\n4295806720123456789\n1\n", "a.csv")).toEqual([
    '{"id":"4295806720123456789"}',
    '{"id":"1"}',
  ]);
});

test("a cell that does not fit the type of the first thousand rows is reported with its position", async () => {
  const text = `n\n${"1\n".repeat(1000)}x\n`;
  expect(await fault(text, "a.csv")).toBe(
    'a.csv: line 1002, column "n": expected a number that a double holds exactly, such as 1.5 or ' +
      'NaN, found "x". If the column is text, use --types n=text. If the value is missing, use --na ' +
      "'x'.",
  );
  const types = parseColumnTypes("n=text");
  const { args } = await readAs(text, { table: { ...table, types } });
  expect([args[0], args[1000]]).toEqual(['{"n":"1"}', '{"n":"x"}']);
});

test("quotes hold separators, line breaks and quotes, wherever the pieces end", async () => {
  const text = 'a,b\r\n"x,1","say ""hi""\nthere"\r\n\r\n"",z "q" z\r\n';
  const whole = ['{"a":"x,1","b":"say \\"hi\\"\\nthere"}', '{"a":"","b":"z \\"q\\" z"}'];
  await fc.assert(
    fc.asyncProperty(anySizes, async (sizes) => {
      expect(await read(text, "a.csv", { sizes })).toEqual(whole);
    }),
  );
});

test.each([
  ["a,b\n1,2\n3\n", "a.csv: line 3: expected 2 columns as in the first row, found 1"],
  ["a\n1,2\n", "a.csv: line 2: expected 1 column as in the first row, found 2"],
  ['a,b\n1,"x\ny', 'a.csv: line 2, column 3: expected a second ", found the end of the file'],
  ['a,b\n1,"x"y\n', 'a.csv: line 2, column 6: expected the end of the cell, found "y"'],
  ["a,\n1,2\n", "a.csv: line 1: column 2 has no name"],
  ["a,a\n1,2\n", 'a.csv: line 1: two columns are named "a"'],
])("%j: %s", async (text, message) => expect(await fault(text, "a.csv")).toContain(message));

test("cells are separate arguments with --positional, and if there is no header", async () => {
  const positional = { table: { ...table, isPositional: true } };
  expect((await readAs("a,b\n1,x\n", positional)).args).toEqual(['[1,"x"]']);
  const bare = { table: { ...table, isPositional: true, hasHeader: false } };
  expect((await readAs("1,x\n2,y\n", bare)).args).toEqual(['[1,"x"]', '[2,"y"]']);
});

test("TSV has tabs between its cells", async () => {
  expect(await read("a\tb\n1\tx, y\n", "a.tsv")).toEqual(['{"a":1,"b":"x, y"}']);
});

test("the priority of a job is a column, or a key, and no argument", async () => {
  const priorityColumn = "prio";
  expect(await readAs("a,prio\n1,5\n2,-3\n", { priorityColumn })).toEqual({
    args: ['{"a":1}', '{"a":2}'],
    priorities: [5, -3],
  });
  const json = { priorityColumn, format: "json" as const };
  expect(await readAs('[{"prio":1,"a":2}]', json)).toEqual({ args: ['{"a":2}'], priorities: [1] });
  expect(readAs("a,prio\n1,high\n", { priorityColumn })).rejects.toThrow(
    'a.csv: line 2: expected a 32-bit whole number in "prio", the priority of the job, found "high"',
  );
  expect(readAs("[[1]]", json)).rejects.toThrow("a.csv: element 0: expected a 32-bit whole number");
  expect(readAs("a\n1\n", { priorityColumn })).rejects.toThrow('expected a column "prio", found a');
});

test("with --format lines, each line is the only argument", async () => {
  expect((await readAs("a b\r\n\n007\n", { format: "lines" })).args).toEqual([
    '["a b"]',
    '["007"]',
  ]);
});

async function notesOf(text: string, more: Partial<TableOptions> = {}) {
  const notes: string[] = [];
  const options = { table: { ...table, ...more, onNote: (note: string) => notes.push(note) } };
  return { ...(await readAs(text, options)), notes };
}

test("missing values are null, and their column stays numeric", async () => {
  const { args, notes } = await notesOf("x,y\n1,a\n,b\nNA,c\n2.5,d\nInf,e\n-INF,f\n");
  expect(args).toEqual([
    '{"x":1,"y":"a"}',
    '{"x":null,"y":"b"}',
    '{"x":null,"y":"c"}',
    '{"x":2.5,"y":"d"}',
    '{"x":{"$number":"Infinity"},"y":"e"}',
    '{"x":{"$number":"-Infinity"},"y":"f"}',
  ]);
  expect(notes).toEqual([]);
});

test("--na names more words, which are null in columns of text too", async () => {
  const missing = new Set(["-", "n.d."]);
  const { args } = await notesOf("x,y\n1,-\n-,b\nn.d.,NA\n", { missing });
  expect(args).toEqual(['{"x":1,"y":null}', '{"x":null,"y":"b"}', '{"x":null,"y":"NA"}']);
});

test("a column whose first thousand cells are missing has the type of the next cell", async () => {
  const { args } = await readAs(`x,y\n${",a\n".repeat(1_000)}7,b\n,c\n`, {});
  expect(args.slice(999)).toEqual(['{"x":null,"y":"a"}', '{"x":7,"y":"b"}', '{"x":null,"y":"c"}']);
});

test("a note names the cell that makes a column text, and the remedy", async () => {
  const { args, notes } = await notesOf("x,y\n1,a\n2 m,3\n3,b\n");
  expect(args[0]).toBe('{"x":"1","y":"a"}');
  expect(notes).toEqual([
    'a.csv: column "x" is text, because line 3 has "2 m", while most cells are numbers. If it ' +
      "is a missing value, use --na '2 m'. If the column is text, use --types x=text",
  ]);
  expect((await notesOf("x\n1\n2 m\n3\n", { types: parseColumnTypes("x=text") })).notes).toEqual(
    [],
  );
  const german = await notesOf("x;y\n1,5;a\n2,5;b\n", { separator: ";" });
  expect(german.notes[0]).toContain('line 2 has "1,5". Write decimal numbers with a point');
});

test("a blank line between rows of one column is a row, and none of several", async () => {
  expect((await readAs("\nx\n1\n\n3\n\n\n", {})).args).toEqual([
    '{"x":1}',
    '{"x":null}',
    '{"x":3}',
  ]);
  expect((await readAs("x,y\n1,2\n\n3,4\n", {})).args).toHaveLength(2);
});

test.each([
  [
    "x;y\n1;2\n",
    `found ";". Use --separator ';'. If the table has one column, use --separator ','`,
  ],
  ["x\ty\n1\t2\n", "found a tab. Use --format tsv"],
])("%j: cells with another separator: %s", async (text, message) =>
  expect(await fault(text, "a.csv")).toContain(message),
);

test("gzip is unpacked, regardless of the file name, and damage is an error", async () => {
  const text = `x\n${"1\n".repeat(5_000)}`;
  const packed = gzipSync(text);
  const twice = Buffer.concat([packed, gzipSync("2\n")]);
  const sizes = [3, 1000];
  expect(await read(twice, "a.csv.gz", { sizes })).toHaveLength(5_001);
  expect(await read(twice, "a.csv", { sizes })).toHaveLength(5_001);
  const cut = packed.subarray(0, packed.length - 12);
  expect(await fault(cut, "a.csv.gz")).toContain(
    "a.csv.gz: expected complete gzip data, found damaged data",
  );
});

test.each([
  [
    "PK\x03\x04\x14\0\x06\0\x08\0",
    "a.xlsx",
    "found a spreadsheet (.xlsx). Save the sheet as CSV in UTF-8",
  ],
  ["PK\x03\x04\x14\0\x06\0\x08\0", "a.zip", "Unpack it: unzip -p 'a.zip' | pdoflow"],
  ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "a.xls", "found a spreadsheet (.xls)"],
  ["\x28\xb5\x2f\xfd....", "a.csv.zst", "found a file of zstd. Unpack it: zstd -dc 'a.csv.zst'"],
])("%j as %s: %s", async (bytes, name, message) =>
  expect(await fault(Buffer.from(bytes, "latin1"), name)).toContain(message),
);
