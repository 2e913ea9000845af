/**
 * Makes `import … from "pdoflow"` (and `require`, and `pdoflow/worker`) return `api` in every file
 * that this process imports from now on, even if no such package is installed. If one is, `api`
 * still takes precedence, so that user code and the worker that runs it share one pdoflow.
 */
export function provideVirtualPackage(api: Record<string, unknown>): void {
  Bun.plugin({
    name: "pdoflow",
    // Not `onResolve` and `onLoad`: at run time those are never called for a bare package name.
    setup(build) {
      for (const specifier of ["pdoflow", "pdoflow/worker"]) {
        build.module(specifier, () => ({ exports: { ...api }, loader: "object" }));
      }
    },
  });
}
