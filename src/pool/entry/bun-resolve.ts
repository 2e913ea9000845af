import type { ResolveModule } from "./entry-file.ts";

/** As an import in a file of the folder finds it, in Bun. */
export const bunResolve: ResolveModule = (module, folder) => Bun.resolveSync(module, folder);
