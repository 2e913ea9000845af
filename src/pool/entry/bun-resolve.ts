import type { ResolveModule } from "./entry-file.ts";

/** Resolves an import as Bun does in a file of the folder. */
export const bunResolve: ResolveModule = (module, folder) => Bun.resolveSync(module, folder);
