import { type Browser, launch } from "puppeteer-core";

/** The browser of this machine; null if it has none. Debian: apt install chromium. */
export const chromium: string | null =
  ["chromium", "chromium-browser", "google-chrome"].flatMap((name) => Bun.which(name) ?? [])[0] ??
  null;

/** A real browser without a window; disposing it ends it. */
export async function openBrowser(): Promise<Browser & AsyncDisposable> {
  if (chromium === null) throw new Error("expected chromium on the PATH, found none");
  return await launch({
    executablePath: chromium,
    headless: true,
    // Its sandbox refuses to run as root. The pages are our own.
    args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en", "--disable-lcd-text"],
  });
}
