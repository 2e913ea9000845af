// What an artefact contains, as CycloneDX: nothing else, and the same text for the same commit.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { packagesOf } from "./licenses.ts";
import { type BuildTarget, targets } from "./targets.ts";

export interface Component {
  /** Its name in npm, such as "@oven/bun-linux-x64". */
  name: string;
  version: string;
}

/** The packages in a binary: those of the bundled files, Bun, and PostgreSQL if it is inside. */
export function binaryComponents(target: BuildTarget, bundled: readonly string[]): Component[] {
  const { bun, postgres } = targets[target];
  return [
    ...libraryComponents(bundled),
    { name: bun, version: Bun.version },
    ...(postgres ? [{ name: postgres, version: packageJson.optionalDependencies[postgres] }] : []),
  ];
}

/** The packages that the bundled files are from. */
export const libraryComponents = (bundled: readonly string[]): Component[] =>
  packagesOf(bundled).map((name) => ({ name, version: installedVersion(name) }));

/** The text of the SBOM. `madeAt` is the time of the commit: a clock would change each build. */
export function sbomText(artefact: string, components: readonly Component[], madeAt: Date): string {
  const { name, version } = packageJson;
  const listed = components.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const sbom = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      timestamp: madeAt.toISOString(),
      component: {
        type: "application",
        "bom-ref": `${name}@${version}`,
        name,
        version,
        licenses: [{ license: { id: packageJson.license } }],
        properties: [{ name: "pdoflow:artefact", value: artefact }],
      },
    },
    components: listed.map((each) => ({
      type: "library",
      "bom-ref": purl(each),
      name: each.name,
      version: each.version,
      purl: purl(each),
    })),
    dependencies: [{ ref: `${name}@${version}`, dependsOn: listed.map(purl) }],
  };
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

const purl = ({ name, version }: Component): string =>
  `pkg:npm/${name.replace("@", "%40")}@${version}`;

function installedVersion(name: string): string {
  const file = join(import.meta.dir, "../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
