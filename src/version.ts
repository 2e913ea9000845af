import packageJson from "../package.json" with { type: "json" };

/** Set by build.ts, for example "0.1.0 (3f2a9c1)". */
declare const PDOFLOW_BUILD: string;

/** The version of the package, as in "0.1.0". */
export const version: string = packageJson.version;

/**
 * The version and the commit it was built from, as in "0.1.0 (3f2a9c1)". A "+" after the commit
 * says that files differed from it. Run from source, it is "0.1.0 (source)".
 */
export const build: string =
  typeof PDOFLOW_BUILD === "undefined" ? `${version} (source)` : PDOFLOW_BUILD;
