/** A job: workers import this file, by its path from the root, and call the function. */
export async function thumbnail(file: string, { width }: { width: number }) {
  const height = Math.round((width * 3) / 4); // where a real one would read the image
  return { file, size: `${width}x${height}` };
}
