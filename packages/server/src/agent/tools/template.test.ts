import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillJson, fillText, fillUrl, TemplateError } from './template.ts';

const values = {
  args: { city: 'São Paulo', id: 7, tags: ['a', 'b'], nested: { deep: true }, none: null },
  secrets: { token: 't0ken-value' },
};

describe('templates', () => {
  it('fill in arguments and secrets', () => {
    expect(fillText('{{city}} {{ id }} {{tags.1}} {{nested}} [{{missing}}] {{secrets.token}}', values)).toBe(
      'São Paulo 7 b {"deep":true} [] t0ken-value',
    );
  });

  it('refuse a secret that the run does not have', () => {
    expect(() => fillText('{{secrets.other}}', values)).toThrow(TemplateError);
    expect(() => fillText('{{secrets.toString}}', values)).toThrow(TemplateError);
  });

  it('take an argument for what it is, never for a template', () => {
    expect(fillText('{{x}}', { args: { x: '{{secrets.token}} $&' }, secrets: values.secrets })).toBe(
      '{{secrets.token}} $&',
    );
  });

  it('URL-encode arguments in a URL', () => {
    expect(
      fillUrl('https://example.com/{{city}}/x?q={{city}}', { tag: '{{tags.0}}', gone: '{{missing}}' }, values)
        .href,
    ).toBe('https://example.com/S%C3%A3o%20Paulo/x?q=S%C3%A3o+Paulo&tag=a');
  });

  it('never let an argument change host, path depth or query', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.toWellFormed()),
        (text) => {
          let url: URL;
          try {
            url = fillUrl('https://example.com/users/{{x}}/posts', {}, { args: { x: text }, secrets: {} });
          } catch (error) {
            expect(error).toBeInstanceOf(TemplateError);
            return;
          }
          expect(url.host).toBe('example.com');
          expect(url.search + url.hash).toBe('');
          expect(url.pathname.split('/')).toHaveLength(4);
          expect(url.pathname.startsWith('/users/')).toBe(true);
          expect(url.pathname.endsWith('/posts')).toBe(true);
        },
      ),
    );
  });

  it.each(['.', '..'])('refuse %j as a path segment', (x) => {
    expect(() => fillUrl('https://example.com/users/{{x}}/posts', {}, { args: { x }, secrets: {} })).toThrow(
      TemplateError,
    );
  });

  it('keep the type of a value that is alone in a JSON template, and leave out what is missing', () => {
    expect(
      fillJson(
        {
          id: '{{id}}',
          text: 'n° {{id}}',
          tags: '{{tags}}',
          gone: '{{missing}}',
          none: '{{none}}',
          fixed: [1, '{{city}}'],
        },
        values,
      ),
    ).toEqual({ id: 7, text: 'n° 7', tags: ['a', 'b'], none: null, fixed: [1, 'São Paulo'] });
  });
});
