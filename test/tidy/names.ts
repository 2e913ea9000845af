import { posix } from "node:path";

import { lineAt, type Source } from "./source.ts";

const bannedNames = /^(utils?|helpers?|commons?|misc|types?|managers?)$/;

/** Names that say nothing about what is inside. */
export function nameFaults(path: string): string[] {
  const words = path.replace(posix.extname(path), "").split(/[/.-]/);
  return words
    .filter((word) => bannedNames.test(word))
    .map((word) => `${path}: "${word}" names no thing. Name the file after what it owns.`);
}

/** The binary is minified, so an error that does not spell its name has none. */
export function errorNameFaults({ path, text }: Source): string[] {
  return [...text.matchAll(/^(?:export )?(?:abstract )?class (\w+) extends \w*Error \{/gm)]
    .filter(([head]) => !head.includes("abstract "))
    .filter(({ 1: name = "", index }) => {
      const body = text.slice(index, text.indexOf("\n}", index));
      return !body.includes(`override readonly name = "${name}";`);
    })
    .map(
      ({ 1: name = "", index }) =>
        `${path}:${lineAt(text, index)}: ${name} does not spell its name. ` +
        `Add: override readonly name = "${name}";`,
    );
}

const declaration = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|enum|type) (\w+)/gm;

/** Types of one name in several files: a reader could not know which of them is meant. */
export function typeNameFaults(sources: readonly Source[]): string[] {
  const places = new Map<string, string[]>();
  for (const { path, text } of sources) {
    for (const { 1: name = "", index } of text.matchAll(declaration)) {
      places.set(name, [...(places.get(name) ?? []), `${path}:${lineAt(text, index)}`]);
    }
  }
  return [...places]
    .filter(([, found]) => found.length > 1)
    .map(([name, found]) => `${name} names several types: ${found.join(", ")}`);
}
