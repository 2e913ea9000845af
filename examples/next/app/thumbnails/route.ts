// A route handler as Next.js has them: POST /thumbnails posts jobs and answers at once,
// GET /thumbnails?posting=42 tells how far they are. A bundler moves the functions that it bundles
// elsewhere, so the job is named by its file, and its types by `import type`.
import { findPosting, PdoflowError, postWork } from "pdoflow";

import type { thumbnail } from "../../jobs/thumbnail.ts";

export async function POST(request: Request): Promise<Response> {
  const { files, key } = (await request.json()) as { files: string[]; key?: string };
  if (files.length === 0) return Response.json({ error: "no files" }, { status: 400 });
  const posting = await postWork<typeof thumbnail>(
    "jobs/thumbnail.ts#thumbnail",
    files.map((file) => [file, { width: 320 }] as const),
    [],
    { key }, // a request that is sent twice posts once
  );
  return Response.json({ posting: posting.id, jobs: posting.jobCount }, { status: 202 });
}

export async function GET(request: Request): Promise<Response> {
  const id = Number(new URL(request.url).searchParams.get("posting"));
  try {
    const posting = await findPosting(id);
    return Response.json(await posting.status());
  } catch (error) {
    if (!(error instanceof PdoflowError)) throw error;
    const isUnknown = error.name === "PostingNotFound";
    return Response.json({ error: error.message }, { status: isUnknown ? 404 : 400 });
  }
}
