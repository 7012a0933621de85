import { type Json, type JsonObject } from '@fermata/protocol';
import {
  mapStrings,
  onlyOutput,
  parseTemplate,
  rendered,
  renderOutput,
  renderParts,
  scopeOf,
  templateMessage,
  type Rendered,
} from './liquid-engine.ts';

/** A text with its expressions filled in: what names nothing becomes nothing, what is no string its JSON. Never throws. */
export function renderText(template: string, variables: JsonObject): Rendered<string> {
  return rendered(variables, (rendering) =>
    renderParts(parseTemplate(template, 'refused'), scopeOf(rendering)),
  );
}

/**
 * A JSON value with its strings rendered. One that is a single `{{ }}` keeps the value’s type, and is null when it
 * names nothing. Keys are no templates. Never throws.
 */
export function renderJson(template: Json, variables: JsonObject): Rendered<Json> {
  return rendered(variables, (rendering) =>
    mapStrings(template, (text) => {
      const parts = parseTemplate(text, 'refused');
      const scope = scopeOf(rendering);
      const output = onlyOutput(parts);
      return output === null ? renderParts(parts, scope) : (renderOutput(output, scope) ?? null);
    }),
  );
}

/** Why a text is no template, or null; `allowed` for the strings of a request. */
export function templateFault(template: string, secrets: 'allowed' | 'refused'): string | null {
  try {
    parseTemplate(template, secrets);
    return null;
  } catch (error) {
    return templateMessage(error);
  }
}
