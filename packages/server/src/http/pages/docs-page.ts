import type { Json, JsonObject } from '@fermata/protocol';
import type { OpenApiDocument, OpenApiOperation } from '../openapi.ts';
import { explainedCodes } from '../problem.ts';
import { html, type Html } from './html.ts';
import { page } from './layout.ts';

const LINKS = [
  { href: '/docs', text: 'Docs' },
  { href: '/docs/errors', text: 'Errors' },
];

/** The page at `/docs`: a way into the reference of each face. */
export function docsIndexPage(faces: readonly { name: string; title: string; url: string }[]): string {
  const body = html` <h1>API reference</h1>
    <p class="lead">
      One run, several APIs. Whatever is started through one can be watched, paused and answered through every
      other.
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col">API</th>
          <th scope="col">Base URL</th>
          <th scope="col">OpenAPI 3.1</th>
        </tr>
      </thead>
      <tbody>
        ${faces.map(
          (face) =>
            html`<tr>
              <td><a href="/docs/${face.name}">${face.title}</a></td>
              <td><code>${face.url}</code></td>
              <td><a href="/openapi/${face.name}.json">/openapi/${face.name}.json</a></td>
            </tr>`,
        )}
      </tbody>
    </table>
    <h2>Keys</h2>
    <p>
      Send <code>Authorization: Bearer &lt;key&gt;</code> or <code>X-API-Key: &lt;key&gt;</code>. A key has
      one of four roles, each including the ones before it: <code>viewer</code>, <code>operator</code>,
      <code>developer</code>, <code>admin</code>.
    </p>
    <p>The errors are explained <a href="/docs/errors">here</a>.</p>`;
  return page('Fermata: API reference', body, LINKS);
}

/** The page at `/docs/errors`: every code, with an anchor that `type` of a problem points to. */
export function errorsPage(): string {
  const body = html` <h1>Errors</h1>
    <p class="lead">
      The native API answers errors as <code>application/problem+json</code> (RFC 9457). Match on
      <code>code</code>; <code>retryable</code> says whether the same request may work later.
    </p>
    <table>
      <thead>
        <tr>
          <th scope="col">Code</th>
          <th scope="col">Status</th>
          <th scope="col">Meaning</th>
          <th scope="col">Retryable</th>
        </tr>
      </thead>
      <tbody>
        ${explainedCodes().map(
          (entry) =>
            html`<tr id="${entry.code}">
              <td>
                <a href="#${entry.code}"><code>${entry.code}</code></a>
              </td>
              <td>${entry.status}</td>
              <td>${entry.title}</td>
              <td>${entry.retryable ? 'yes' : 'no'}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  return page('Fermata: errors', body, LINKS);
}

/** The reference of one face, made from its OpenAPI document. */
export function faceDocsPage(title: string, name: string, document: OpenApiDocument): string {
  const sections = document.tags.map((tag) => {
    const operations = operationsOf(document, tag.name);
    if (operations.length === 0) return html``;
    return html`<h2 id="${tag.name}">${tag.name}</h2>
      <p class="soft">${tag.description}</p>
      ${operations.map((entry) => operationCard(document, entry.method, entry.path, entry.operation))}`;
  });
  const body = html` <h1>${title}</h1>
    <p class="lead">${document.info.description}</p>
    <p>
      Base URL ${document.servers.map((server) => html`<code>${server.url}</code> `)} ·
      <a href="/openapi/${name}.json">OpenAPI 3.1</a>
    </p>
    ${sections}`;
  return page(`Fermata: ${title}`, body, LINKS);
}

function operationsOf(
  document: OpenApiDocument,
  tag: string,
): { method: string; path: string; operation: OpenApiOperation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag))
      .map(([method, operation]) => ({ method, path, operation })),
  );
}

function operationCard(
  document: OpenApiDocument,
  method: string,
  path: string,
  operation: OpenApiOperation,
): Html {
  const base = document.servers[0]?.url ?? '';
  return html`<details class="card" id="${operation.operationId}">
    <summary>
      <span class="method">${method.toUpperCase()}</span><code>${base}${path}</code>
      <h3>${operation.summary}</h3>
      <span class="role">${operation['x-role']}</span>
    </summary>
    <div class="inner">
      <p class="soft"><code>${operation.operationId}</code></p>
      <p>${operation.description}</p>
      ${parameterTable(operation)}${bodyTable(document, operation)}${replyTable(operation)}
    </div>
  </details>`;
}

function parameterTable(operation: OpenApiOperation): Html {
  if (operation.parameters === undefined) return html``;
  return html`<h4>Parameters</h4>
    <table>
      <tbody>
        ${operation.parameters.map(
          (parameter) =>
            html`<tr>
              <td><code>${parameter.name}</code></td>
              <td class="soft">${parameter.in}</td>
              <td>${parameter.description}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

function bodyTable(document: OpenApiDocument, operation: OpenApiOperation): Html {
  const schema = resolve(document, at(operation.requestBody, 'content', 'application/json', 'schema'));
  const properties = Object.entries(objectOf(schema['properties']));
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  if (properties.length === 0) return html``;
  return html`<h4>Body</h4>
    <table>
      <tbody>
        ${properties.map(
          ([name, member]) =>
            html`<tr>
              <td><code>${name}</code></td>
              <td class="soft">
                ${typeName(document, member)}${required.includes(name) ? ', required' : ''}
              </td>
              <td>${text(objectOf(member)['description'])}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

function replyTable(operation: OpenApiOperation): Html {
  return html`<h4>Replies</h4>
    <table>
      <tbody>
        ${Object.entries(operation.responses).map(([status, reply]) => {
          const media = Object.keys(objectOf(objectOf(reply)['content'])).filter(
            (type) => !type.includes('problem'),
          );
          return html`<tr>
            <td><code>${status}</code></td>
            <td class="soft">${media.join(', ')}</td>
            <td>${text(objectOf(reply)['description'])}</td>
          </tr>`;
        })}
      </tbody>
    </table>`;
}

function typeName(document: OpenApiDocument, member: Json): string {
  const schema = objectOf(member);
  const ref = schema['$ref'];
  if (typeof ref === 'string') return ref.slice(ref.lastIndexOf('/') + 1);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' | ');
  const union = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(union)) return [...new Set(union.map((one) => typeName(document, one)))].join(' | ');
  if (schema['type'] === 'array') return `${typeName(document, schema['items'] ?? {})}[]`;
  return typeof schema['type'] === 'string' ? schema['type'] : 'any';
}

function resolve(document: OpenApiDocument, schema: Json): JsonObject {
  const ref = objectOf(schema)['$ref'];
  if (typeof ref !== 'string') return objectOf(schema);
  return objectOf(document.components.schemas[ref.slice(ref.lastIndexOf('/') + 1)] ?? null);
}

function at(value: Json | undefined, ...path: string[]): Json {
  return path.reduce<Json>((inner, step) => objectOf(inner)[step] ?? null, value ?? null);
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
