import { fileURLToPath } from "node:url";

/**
 * What `expression` gives, as JSON text, for an account that may not read everything: where we are
 * root, another one. `names` are imported from `file`, which is relative to this folder, before
 * the rights are given up, since that account may not be let into the folder of the clone.
 */
export function withoutRights(file: string, names: string, expression: string): string {
  const module = JSON.stringify(fileURLToPath(new URL(file, import.meta.url)));
  const script = `
    const { ${names} } = await import(${module});
    if (process.getuid() === 0) process.setuid(65534);
    console.log(JSON.stringify(await (${expression})));`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script], { cwd: "/" });
  if (stderr.length > 0) throw new Error(stderr.toString());
  return stdout.toString();
}
