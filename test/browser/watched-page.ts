import type { Browser, Page } from "puppeteer-core";

export type Theme = "light" | "dark";

/** A page, and all that its browser complained about. */
export interface WatchedPage extends AsyncDisposable {
  page: Page;
  complaints: string[];
}

/** Opens a page of a width and a theme, and notes errors, dialogs and violations of its policy. */
export async function watchedPage(
  browser: Browser,
  { width, theme, cookie }: { width: number; theme: Theme; cookie?: { url: string; text: string } },
): Promise<WatchedPage> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${String(error)}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("requestfailed", (request) => complaints.push(`request failed: ${request.url()}`));
  const session = await page.createCDPSession();
  session.on("Log.entryAdded", ({ entry }) => complaints.push(`log: ${entry.text}`));
  session.on("Audits.issueAdded", ({ issue }) => {
    if (issue.code === "ContentSecurityPolicyIssue") complaints.push("policy violation");
  });
  await session.send("Log.enable");
  await session.send("Audits.enable");
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  if (cookie) {
    const [name = "", value = ""] = cookie.text.split("=");
    await context.setCookie({ name, value, domain: new URL(cookie.url).hostname, path: "/" });
  }
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

// Scripts for the browser are texts: the types of this program have no document.

/** By how much the page is wider than the window. */
export const overflowOf = async (page: Page): Promise<number> =>
  Number(
    await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    ),
  );

/** The background of the page, such as "rgb(255, 255, 255)". */
export const groundOf = async (page: Page): Promise<string> =>
  String(await page.evaluate("getComputedStyle(document.body).backgroundColor"));

/** The text with the least contrast to the page. */
export interface Contrast {
  /** As WCAG has it: text of 4.5 and more is readable for nearly everybody. */
  ratio: number;
  text: string;
}

export const leastContrastOf = async (page: Page): Promise<Contrast> =>
  JSON.parse(String(await page.evaluate(leastContrast))) as Contrast;

const leastContrast = `{
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((channel) => {
      const share = channel / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  let least = { ratio: 21, text: "" };
  for (const element of document.querySelectorAll("body *:not(title)")) {
    const nodes = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const text = nodes.map((node) => node.textContent).join("").trim();
    if (text === "") continue;
    const style = getComputedStyle(element);
    const own = luminance(element.closest("svg") ? style.fill : style.color);
    const ratio = (Math.max(own, ground) + 0.05) / (Math.min(own, ground) + 0.05);
    if (ratio < least.ratio) least = { ratio, text };
  }
  JSON.stringify(least);
}`;
