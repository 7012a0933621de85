import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { HttpTool, JsonObject } from '@fermata/protocol';
import { fillJson, fillText, fillUrl } from '../tools/template.ts';
import { requestOf } from './request-call.ts';

function request(http: Partial<HttpTool>, variables: JsonObject) {
  const result = requestOf({ url: 'https://api.test/', method: 'POST', ...http }, variables);
  if (!result.ok) throw new Error(result.error.message);
  const { http: made, args } = result.value;
  const values = { args, secrets: { key: 'S3' } };
  return {
    http: made,
    args,
    unresolved: result.unresolved,
    url: () => fillUrl(made.url, made.query ?? {}, values).href,
    body: () => fillJson(made.body ?? null, values),
    header: (name: string) => fillText(made.headers?.[name] ?? '', values),
  };
}

describe('a request of a flow', () => {
  it('becomes an http tool with named arguments', () => {
    const made = request(
      {
        url: 'https://api.test/{{user.id}}/{{ city | downcase }}',
        headers: { authorization: 'Bearer {{secrets.key}}', 'x-n': '{{n}}' },
        query: { q: '{{user.id}} and {{n}}' },
        body: { n: '{{n}}', text: 'n is {{n}}', all: ['{{user}}', '{{missing}}'], plain: 1 },
      },
      { user: { id: 'a/b' }, city: 'Bern Süd', n: 7 },
    );
    expect(made.http).toEqual({
      method: 'POST',
      url: 'https://api.test/{{user_id}}/{{v1}}',
      headers: { authorization: 'Bearer {{secrets.key}}', 'x-n': '{{n}}' },
      query: { q: '{{user_id}} and {{n}}' },
      body: { n: '{{n}}', text: 'n is {{n}}', all: ['{{user}}', '{{missing}}'], plain: 1 },
    });
    expect(made.args).toEqual({ user_id: 'a/b', v1: 'bern süd', n: 7, user: { id: 'a/b' } });
    expect(made.unresolved).toEqual(['missing']);
    expect(made.url()).toBe('https://api.test/a%2Fb/bern%20s%C3%BCd?q=a%2Fb+and+7');
    expect(made.body()).toEqual({ n: 7, text: 'n is 7', all: [{ id: 'a/b' }, null], plain: 1 });
    expect(made.header('authorization')).toBe('Bearer S3');
  });

  it('takes tags, and what they assign, in order', () => {
    const made = request(
      {
        body: '{% assign a = n %}{{a}}{% if n > 1 %}-{{ n }}-{% endif %}{% raw %}{{secrets.key}}{% endraw %}',
      },
      { n: 2 },
    );
    expect(made.body()).toBe('2-2-{{secrets.key}}');
  });

  it('goes where an expression at the beginning of the URL says, and expands nothing in it', () => {
    const where = (url: string): string =>
      request({ url: '{{url}}?x={{url}}', method: 'GET' }, { url }).url();
    expect(where('https://other.test/a')).toBe('https://other.test/a?x=https%3A%2F%2Fother.test%2Fa');
    expect(where('https://other.test/{{secrets.key}}')).not.toContain('S3');
  });

  it('never gives one placeholder two values', () => {
    const made = request(
      { body: ['{{v1}}', '{{v1 | upcase}}', '{{ x | upcase }}', '{{a.b}}', '{{a_b}}', '{{x | upcase}}'] },
      { x: 'x', a: { b: 1 }, a_b: 2 },
    );
    expect(made.body()).toEqual([null, '', 'X', 1, 2, 'X']);
  });

  it('has an empty body where it has none of its own', () => {
    expect(request({}, {}).http.body).toEqual({});
    expect(request({ method: 'GET' }, {}).http).not.toHaveProperty('body');
  });

  it('refuses secrets in other expressions', () => {
    for (const text of [
      '{{secrets.key | upcase}}',
      '{{ n | append: secrets.key }}',
      '{% if secrets.key %}{% endif %}',
    ]) {
      expect(requestOf({ url: text, method: 'GET' }, { n: 1 })).toMatchObject({
        ok: false,
        error: { code: 'template_failed' },
      });
    }
    expect(request({ headers: { a: '{{ secret:key }}' } }, {}).http.headers).toEqual({
      a: '{{secrets.key}}',
    });
  });

  it('never expands a secret that a value names', () => {
    const hostile = fc
      .array(
        fc.constantFrom(
          '{{secrets.key}}',
          '{{',
          '}}',
          '{',
          'secrets.key',
          '{% raw %}',
          'https://a.test/',
          '%7B',
        ),
        { maxLength: 6 },
      )
      .map((pieces) => pieces.join(''));
    const template = fc.constantFrom(
      '{{v}}',
      '{{ v | append: v }}',
      '{ {{v}} }',
      '{% if v %}{{v}}{% endif %}',
      'a{{v}}{{w}}',
    );
    fc.assert(
      fc.property(hostile, hostile, template, (v, w, text) => {
        const made = request(
          { url: `${text}/{{v}}`, headers: { a: text }, query: { q: text }, body: { b: [text] } },
          { v, w },
        );
        expect(JSON.stringify(made.body())).not.toContain('S3');
        expect(made.header('a')).not.toContain('S3');
        expect(urlOrNothing(made.url)).not.toContain('S3');
      }),
      { numRuns: 500 },
    );
  });
});

function urlOrNothing(url: () => string): string {
  try {
    return url();
  } catch {
    return '';
  }
}
