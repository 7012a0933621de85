import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { Json, JsonObject } from '@fermata/protocol';
import { renderJson, renderText, templateFault } from './template.ts';

const variables: JsonObject = {
  name: 'Ada',
  count: 3,
  user: { mail: 'a@b.c', tags: ['x', 'y'] },
  list: [1, 2],
  no: null,
  off: false,
  'a-b': 'hyphen',
};
const failure = { ok: false, error: { code: 'template_failed', message: expect.any(String) as string } };

describe('a text template', () => {
  it.each<[string, string]>([
    ['Hello {{name}}, {{ count }} {{user.mail | upcase}}', 'Hello Ada, 3 A@B.C'],
    ['{{user}} {{list}}', '{"mail":"a@b.c","tags":["x","y"]} [1,2]'],
    ['{{user.tags[1]}} {{ user.tags | join: "+" }} {{list.size}}', 'y x+y 2'],
    ['{{no}}{{off}}', 'false'],
    ['{% for n in list %}{{n}};{% endfor %}', '1;2;'],
    ['{% if count > 2 %}many{% else %}few{% endif %}', 'many'],
    ['{% raw %}{{name}}{% endraw %}', '{{name}}'],
    ['{% assign a = name %}{{ a }}', 'Ada'],
    ['{{ missing | default: "none" }}', 'none'],
    ['{{a-b}}', 'hyphen'],
    ['plain', 'plain'],
    ['', ''],
    ['{{ user | json }}', '{"mail":"a@b.c","tags":["x","y"]}'],
  ])('%s gives %s', (template, text) => {
    expect(renderText(template, variables)).toEqual({ ok: true, value: text, unresolved: [] });
  });

  it('reports expressions that name nothing as they were written, also in tags', () => {
    const template =
      '{{ nobody }}-{{ user.nme | upcase }}-{% for n in list %}{{ list[n].x }}{% endfor %}{{ no }}';
    expect(renderText(template, variables)).toEqual({
      ok: true,
      value: '--',
      unresolved: ['nobody', 'user.nme', 'list[n].x'],
    });
  });

  it('sees own members alone', () => {
    for (const path of ['constructor', 'user.constructor.name', 'user.__proto__', 'list.map']) {
      expect(renderText(`{{${path}}}`, variables)).toMatchObject({ value: '', unresolved: [path] });
    }
  });

  it('never reads what it writes as a template', () => {
    const value = '{{name}} {% raw %} {{secrets.x}}';
    expect(renderText('{{v}}', { v: value })).toMatchObject({ value });
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(renderText('<{{v}}>', { v: text })).toMatchObject({ value: `<${wellFormed(text)}>` });
      }),
    );
  });

  it('leaves its variables as they are', () => {
    const before = structuredClone(variables);
    renderText('{% increment count %}{% assign name = 1 %}{{ list | push: 3 | sort | reverse }}', variables);
    expect(variables).toEqual(before);
  });

  it.each([
    ['{{ name'],
    ['{% if name %}'],
    ['{{ name | no_such_filter }}'],
    ['{% include "/etc/passwd" %}'],
    ['{% render "x" %}'],
    ['{% layout "x" %}'],
    ['{{ x ? 1 : 2 }}'],
  ])('%s fails', (template) => {
    expect(renderText(template, variables)).toEqual(failure);
  });

  it('says where secrets may stand', () => {
    for (const template of [
      '{{secrets.key}}',
      'x {{ secrets["key"] }}',
      '{{ secret:KEY }}',
      '{{ name | append: secrets.key }}',
      '{% if secrets.key %}x{% endif %}',
      '{% for s in secrets %}{{s}}{% endfor %}',
    ]) {
      expect(renderText(template, { ...variables, secrets: { key: 1 } })).toMatchObject({
        error: { code: 'template_failed', message: expect.stringContaining('of a request') as string },
      });
    }
    expect(templateFault('Bearer {{secrets.key}}', 'allowed')).toBeNull();
    expect(templateFault('Bearer {{secret:key}}', 'allowed')).toBeNull();
    expect(templateFault('Bearer {{secrets.key}}', 'refused')).toContain('of a request');
    expect(templateFault('{{ secrets.key | upcase }}', 'allowed')).toContain('of a request');
    expect(templateFault('my secrets: {{name}}', 'refused')).toBeNull();
  });

  it.each([
    ['loops', '{% for a in (1..100000000) %}x{% endfor %}'],
    ['loops in loops', '{% for a in (1..3000) %}{% for b in (1..3000) %}{% endfor %}{% endfor %}'],
    ['doubles', `{% assign s = "xxxxxxxx" %}${'{% assign s = s | append: s %}'.repeat(40)}{{s}}`],
    ['repeats a literal', `{% for a in (1..5000) %}${'x'.repeat(10_000)}{% endfor %}`],
    ['repeats a value', '{% for a in (1..5000) %}{{ big }}{% endfor %}'],
    ['captures', `{% for a in (1..5000) %}{% capture b %}${'x'.repeat(10_000)}{% endcapture %}{% endfor %}`],
    ['nests', '{% if true %}'.repeat(20_000) + '{% endif %}'.repeat(20_000)],
  ])('that %s too much fails soon', (_what, template) => {
    const started = performance.now();
    expect(renderText(template, { big: 'x'.repeat(10_000) })).toEqual(failure);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('never throws', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      'if',
      ' name',
      ' | ',
      'upcase',
      ':',
      '"',
      'for a in b',
      'endfor',
      '[',
      '.',
      '-',
      'raw',
      'secrets.x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const result = renderText(pieces.join(''), variables);
        expect(result.ok || result.error.code === 'template_failed').toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a JSON template', () => {
  it('keeps the type of a value that stands alone', () => {
    const template = {
      a: '{{count}}',
      b: ['{{ user }}', 'n={{count}}'],
      c: 1,
      d: '{{none}}',
      '{{name}}': true,
    };
    expect(renderJson(template, variables)).toEqual({
      ok: true,
      value: { a: 3, b: [variables['user'], 'n=3'], c: 1, d: null, '{{name}}': true },
      unresolved: ['none'],
    });
    expect(renderJson('{{ list | first }}', variables)).toMatchObject({ value: 1 });
    expect(renderJson('{{ off }}', variables)).toMatchObject({ value: false });
  });

  it('gives every value back as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }) as fc.Arbitrary<Json>, (value) => {
        const json = JSON.parse(JSON.stringify(value)) as Json;
        expect(renderJson('{{v}}', { v: json })).toEqual({ ok: true, value: json, unresolved: [] });
      }),
    );
  });

  it('fails as a whole', () => {
    expect(renderJson({ a: 'fine', b: ['{{'] }, variables)).toEqual(failure);
  });
});

function wellFormed(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').toWellFormed();
}

describe('a template whose filters compute for ever', () => {
  it('is ended in the middle of one', () => {
    const nested =
      '{% assign a = (1..4000) %}{% assign e3 = "k == 0" %}{% assign e2 = "a | find_exp: \'k\', e3" %}' +
      "{% assign e1 = \"a | find_exp: 'j', e2\" %}{{ a | find_exp: 'i', e1 }}";
    const started = performance.now();
    expect(renderText(nested, {}).ok).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
