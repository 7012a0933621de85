import { html } from './html.ts';
import { page } from './layout.ts';

export interface HomeFacts {
  name: 'fermata';
  version: string;
  docs: string;
  console: string | null;
  ready: string;
  faces: { name: string; title: string; url: string; docs: string | null; openapi: string | null }[];
}

/** The page at `/`: what this is, where to read on, and the base URL of each face. */
export function homePage(facts: HomeFacts): string {
  const native = facts.faces.find((face) => face.name === 'native');
  const body = html` <h1>Fermata</h1>
    <p class="lead">
      Durable agent runs that can be paused, resumed, approved, answered, forked and cancelled, without losing
      or repeating anything.
    </p>
    <p class="soft">Version ${facts.version}</p>
    <h2>Start</h2>
    <pre><code>curl ${native?.url ?? '/v1'}/runs \\
  -H "Authorization: Bearer $FERMATA_API_KEY" \\
  -H "Content-Type: application/json" \\
  -H "Accept: text/event-stream" \\
  -d '{"model": "script/approval", "input": "hello"}'</code></pre>
    <p>
      <a href="${facts.docs}">API reference</a>${
        facts.console === null ? null : html` · <a href="${facts.console}">Console</a>`
      }
      · <a href="/docs/errors">Errors</a> · <a href="${facts.ready}">Readiness</a>
    </p>
    <h2>Base URLs</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">API</th>
          <th scope="col">Base URL</th>
          <th scope="col">Reference</th>
        </tr>
      </thead>
      <tbody>
        ${facts.faces.map(
          (face) =>
            html`<tr>
              <td>${face.title}</td>
              <td><code>${face.url}</code></td>
              <td>
                ${
                  face.docs === null ? null : html`<a href="${face.docs}">Docs</a> `
                }${face.openapi === null ? null : html`<a href="${face.openapi}">OpenAPI</a>`}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  return page('Fermata', body, [{ href: facts.docs, text: 'Docs' }]);
}
