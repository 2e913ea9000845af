/**
 * The file that holds PostgreSQL as a compressed tar. build.ts puts the path of an embedded one
 * here; from source there is none, and in a build for musl neither.
 */
export const packed: string | null = null;
