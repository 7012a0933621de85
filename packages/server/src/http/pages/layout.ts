import { html, type Html } from './html.ts';

const STYLE: Html = {
  markup: `
:root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1d1b20;--soft:#6a6570;--line:#e4e0e8;--accent:#6b3fa0;--code:#f3f0f6}
@media(prefers-color-scheme:dark){:root{--bg:#141217;--card:#1d1a21;--ink:#ece8f0;--soft:#a29ba9;--line:#332e39;--accent:#c3a0f0;--code:#26222c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:3rem 1.25rem 5rem}
header.top{border-bottom:1px solid var(--line)}
header.top div{max-width:60rem;margin:0 auto;padding:.8rem 1.25rem;display:flex;gap:1.25rem;align-items:baseline;flex-wrap:wrap}
header.top .name{font-weight:650;color:var(--ink);font-size:1.05rem}
a{color:var(--accent);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
h1{font-size:2rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.015em}
h2{font-size:1.25rem;margin:2.6rem 0 .8rem}
h3{font-size:1rem;margin:0}
p.lead{color:var(--soft);font-size:1.1rem;margin:0 0 1.5rem;max-width:44rem}
.soft{color:var(--soft)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.86em}
code{background:var(--code);padding:.12em .38em;border-radius:.3em;overflow-wrap:anywhere}
pre{background:var(--code);padding:1rem;border-radius:.6rem;overflow-x:auto;line-height:1.5}pre code{background:none;padding:0}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{text-align:left;padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:550}
.card{background:var(--card);border:1px solid var(--line);border-radius:.7rem;margin:.6rem 0;overflow:hidden}
summary{cursor:pointer;padding:.7rem 1rem;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
.card .inner{padding:0 1rem 1rem;border-top:1px solid var(--line)}
.method{font:600 .75rem ui-monospace,monospace;color:var(--accent);min-width:3.6rem}
.role{margin-left:auto;font-size:.8rem;color:var(--soft)}
`,
};

/** The musical sign: an arc over a dot. */
const ICON =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 22a13 13 0 0 1 26 0" fill="none" stroke="#6b3fa0" stroke-width="4"/><circle cx="16" cy="21" r="3.5" fill="#6b3fa0"/></svg>',
  );

/** A whole page. No script, no outside resource. */
export function page(title: string, body: Html, links: readonly { href: string; text: string }[]): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="${ICON}" />
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <header class="top">
          <div>
            <a class="name" href="/">Fermata</a>${links.map(
              (link) => html`<a href="${link.href}">${link.text}</a>`,
            )}
          </div>
        </header>
        <main>${body}</main>
      </body>
    </html> `.markup;
}
