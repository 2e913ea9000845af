class NotYetCommonJs extends Error {
  override readonly name = "NotYetCommonJs";
}

/**
 * The code of a small module, with its imports first and its exports last, for CommonJS. All but
 * the imports and exports stays as it is, so that
 * the two files, side by side in the tarball, take little more than one. That needs files that do
 * not import each other in a circle.
 */
export function asCommonJs(text: string): string {
  const pairs = (list: string) =>
    [...list.matchAll(/([\w$]+)(?: as ([\w$]+))?/g)].map(([, name = "", as = name]) => ({
      name,
      as,
    }));
  let [rest, head, foot] = [text.trim(), "", ""];
  const what = String.raw`(?<all>\*as )?(?<own> ?[\w$]+) ?from|\{(?<list>[^}]*)\}from`;
  const whole = new RegExp(String.raw`^import(?:(?<bare>)(?="\.)|${what})(?<path>"[^"]+");?`);
  for (let found = whole.exec(rest); found?.groups; found = whole.exec(rest)) {
    const { bare, all, own, list, path } = found.groups;
    const fields = pairs(list ?? "").map(({ name, as }) => (name === as ? name : `${name}:${as}`));
    const module = `require(${path})`;
    if (bare !== undefined) head += `${module};`;
    else if (list !== undefined) head += `const{${fields.join(",")}}=${module};`;
    else head += `const ${own?.trim()}=${all ? module : `ofDefault(${module})`};`;
    rest = rest.slice(found[0].length);
  }
  rest = rest.replace(/export\{([^}]*)\};?$/, (_all, list: string) => {
    foot = pairs(list)
      .map(({ name, as }) => `exports.${as}=${name};`)
      .join("");
    return "";
  });
  if (/^import\b|(^|[;}])export\b/.test(rest)) throw new NotYetCommonJs(rest);
  // An import() that stays one needs a flag in some test runners. Those of user's files stay.
  const body = rest
    .replaceAll(/\bimport\(("\.[^"]+")\)/g, "Promise.resolve().then(()=>require($1))")
    .replaceAll("import.meta.url", ownUrl);
  const helper = head.includes("ofDefault(") ? ofDefault : "";
  return `"use strict";exports.__esModule=true;${helper}${head}${body}\n${foot}`;
}

const ofDefault = "const ofDefault=(m)=>m&&m.__esModule?m.default:m;";
export const ownUrl = 'require("node:url").pathToFileURL(__filename).href';
