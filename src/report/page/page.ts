import { type Content, Html, html } from "../html.ts";
import { style } from "./style.ts";

/** Without a line break more: the content security policy has the digest of exactly this text. */
const styleElement = new Html(`<style>${style}</style>`);

interface PageParts {
  title: string;
  /** What stands above the header, such as links. */
  nav?: Content;
  header: Content;
  main: Content;
  footer: Content;
  /** Seconds after which a browser loads the page again; null for never. */
  refreshSeconds?: number | null;
}

/** A whole page: one file that loads nothing, and has no script. */
export function page({ title, nav, header, main, footer, refreshSeconds }: PageParts): string {
  const refresh =
    refreshSeconds === undefined || refreshSeconds === null
      ? null
      : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <meta name="generator" content="pdoflow" />
        ${refresh}
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${nav ?? null}
        <header>${header}</header>
        <main>${main}</main>
        <footer>${footer}</footer>
      </body>
    </html> `.text;
}
