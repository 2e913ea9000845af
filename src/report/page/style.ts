import { createHash } from "node:crypto";

/** The one style sheet of all pages. It loads nothing, and colours follow the reader's theme. */
export const style = `
:root {
  color-scheme: light dark; --bg: #fff; --text: #1c2126; --soft: #5d6670; --line: #dde2e7;
  --panel: #f5f7f9; --done: #3f6fa3; --failed: #bf3b2b; --retried: #d8972f; --cancelled: #a3abb4;
  --running: #2b8a80; --busy: #8fb0d3;
}
@media (prefers-color-scheme:dark) {
  :root {
    --bg: #14171a; --text: #e4e7ea; --soft: #98a2ac; --line: #2d343b; --panel: #1c2126;
    --done: #6d9fd4; --failed: #e46a59; --retried: #dfa94e; --cancelled: #68727c;
    --running: #4fb3a8; --busy: #48698c;
  }
}
@media print {
  :root {
    color-scheme: light; --bg: #fff; --text: #000; --soft: #444; --line: #ccc; --panel: #f5f5f5;
    --done: #3f6fa3; --failed: #bf3b2b; --retried: #d8972f; --cancelled: #a3abb4;
    --running: #2b8a80; --busy: #8fb0d3;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--bg); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main, header, footer, nav { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.75rem; line-height: 1.25; font-weight: 600; margin: 0; letter-spacing: -.01em; }
h2 {
  font-size: 1.15rem; font-weight: 600; margin: 2.75rem 0 .75rem; padding-top: .9rem;
  border-top: 1px solid var(--line);
}
h3 { font-size: 1rem; font-weight: 600; margin: 1.75rem 0 .35rem; }
p { margin: .35rem 0; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .15em; }
.sub, .note, .legend, footer { color: var(--soft); }
.sub { margin-top: .3rem; }
.lead { font-size: 1.1rem; margin: 1.25rem 0 0; }
.note, .legend { font-size: .875rem; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit,minmax(8.5rem,1fr)); gap: 1rem 1.5rem;
  margin: 1.5rem 0 0; padding: 0;
}
.facts div { min-width: 0; }
.facts dt { color: var(--soft); font-size: .875rem; }
.facts dd { margin: 0; font-size: 1.2rem; line-height: 1.35; }
.facts dd small { display: block; font-size: .8125rem; color: var(--soft); }
.pairs {
  display: grid; grid-template-columns: max-content minmax(0,1fr); gap: .2rem 1.5rem;
  margin: .5rem 0;
}
.pairs dt { color: var(--soft); }
.pairs dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
table.small { width: auto; }
table.small th, table.small td { padding-right: 2rem; }
th {
  font-weight: 400; color: var(--soft); text-align: left; vertical-align: bottom;
  font-size: .875rem;
}
th, td {
  padding: .32rem 1.1rem .32rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
}
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
.w { white-space: nowrap; }
td.t { min-width: 9rem; }
code, pre {
  font: .875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
}
pre {
  background: var(--panel); padding: .7rem .9rem; margin: .5rem 0; white-space: pre-wrap;
  border-radius: 3px; max-height: 24rem; overflow: auto;
}
figure { margin: .75rem 0 0; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg.graph { width: auto; max-width: none; }
text { font-size: 12px; fill: var(--text); }
.tick { fill: var(--soft); }
.name { font-size: 13px; font-weight: 600; }
.grid { stroke: var(--line); }
.axis { stroke: var(--soft); }
.mark { stroke: var(--text); stroke-dasharray: 3 3; }
.done { fill: var(--done); }
.failed { fill: var(--failed); }
.retried { fill: var(--retried); }
.cancelled { fill: var(--cancelled); }
.running { fill: var(--running); }
.busy { fill: var(--busy); }
.room { fill: var(--panel); }
.wait { stroke: var(--cancelled); stroke-dasharray: 2 3; }
.link { fill: none; stroke: var(--soft); stroke-width: 1.2; }
.link.other { stroke-dasharray: 5 3; }
.box { fill: var(--bg); stroke: var(--soft); }
.box.failed, .box.blocked, .box.stopped {
  fill: var(--bg); stroke: var(--failed); stroke-width: 1.6;
}
.box.running { fill: var(--bg); stroke: var(--running); stroke-width: 1.6; }
.box.done, .box.cancelled { fill: var(--bg); stroke: var(--soft); }
.box.waiting, .box.skipped { stroke-dasharray: 4 3; }
.tick.done, .tick.cancelled { fill: var(--soft); }
.tick.failed, .tick.blocked, .tick.stopped { fill: var(--failed); }
.track { fill: var(--line); }
.legend span { margin-right: 1.25rem; white-space: nowrap; }
.key { display: inline-block; width: .7em; height: .7em; margin-right: .4em; border-radius: 1px; }
.key.done { background: var(--done); }
.key.failed { background: var(--failed); }
.key.retried { background: var(--retried); }
.key.cancelled { background: var(--cancelled); }
.state.failed, .state.errored_out, .state.blocked, .state.stopped, .state.stuck, .state.lost, .bad {
  color: var(--failed); font-weight: 600;
}
.state.paused, .state.waiting, .state.draining { color: var(--retried); font-weight: 600; }
footer { margin-top: 3.5rem; padding-top: 1rem; padding-bottom: 3rem; font-size: .875rem; }
footer p { border-top: 1px solid var(--line); padding-top: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding-top: 1rem; font-size: .9375rem; }
nav .age { margin-left: auto; color: var(--soft); }
.warning { border-left: 3px solid var(--failed); padding: .1rem 0 .1rem .9rem; margin-top: 1rem; }
@media (max-width:40rem) {
  header { padding-top: 1.5rem; }
  h1 { font-size: 1.4rem; }
  main, header, footer, nav { padding-left: 1rem; padding-right: 1rem; }
}
@media print {
  @page { margin: 16mm; }
  body { font-size: 10pt; }
  main, header, footer { max-width: none; padding-left: 0; padding-right: 0; }
  h2 { break-after: avoid; }
  figure, tr, .failure { break-inside: avoid; }
  .scroll, figure { overflow: visible; }
  svg { min-width: 0; }
  svg.graph { width: 100%; max-width: 100%; }
  pre { max-height: none; }
  * { print-color-adjust: exact; }
}
`;

/** The source of the style sheet for a content security policy: only this text may be a style. */
export const styleSource = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;
