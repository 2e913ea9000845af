import * as file from "../../../examples/inspect-files.ts" with { type: "text" };

// TypeScript sees a module here, whose text is its default export once it is imported as text.
/** The text of examples/inspect-files.ts, which a binary carries, for its workers to import. */
export const inspectFilesSource = (file as unknown as { default: string }).default;
