/**
 * The file that contains PostgreSQL as a compressed tar. build.ts sets the path of an embedded one
 * here; there is none when running from source or in a build for musl.
 */
export const packed: string | null = null;
