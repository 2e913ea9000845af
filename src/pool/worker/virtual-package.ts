/**
 * Makes `import … from "pdoflow"` (and `require`, and `pdoflow/worker`) give `api` in every file
 * that this process imports from now on, also where no such package is installed; where one is,
 * `api` still wins, so that user code and the worker that runs it share one pdoflow.
 */
export function provideVirtualPackage(api: Record<string, unknown>): void {
  Bun.plugin({
    name: "pdoflow",
    // Not `onResolve` and `onLoad`: at run time those are never asked about a bare package name.
    setup(build) {
      for (const specifier of ["pdoflow", "pdoflow/worker"]) {
        build.module(specifier, () => ({ exports: { ...api }, loader: "object" }));
      }
    },
  });
}
