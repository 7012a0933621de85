import { describe, expect, it } from 'vitest';
import { foldUrl, pathOf } from './request-url.ts';

describe('foldUrl', () => {
  it('folds slashes of the path and leaves the query alone', () => {
    expect(foldUrl('//v1///runs//?next=//a/')).toBe('/v1/runs?next=//a/');
    expect(foldUrl('/')).toBe('/');
    expect(foldUrl('//')).toBe('/');
    expect(foldUrl('')).toBe('/');
    expect(foldUrl('/a/#/b/')).toBe('/a#/b/');
  });

  it('takes the path of a proxy request', () => {
    expect(foldUrl('http://host:80//v1/runs/')).toBe('/v1/runs');
    expect(foldUrl('http://host')).toBe('/');
  });

  it('takes what cannot be decoded literally', () => {
    expect(foldUrl('/v1/runs/%zz?x=%zz')).toBe('/v1/runs/%25zz?x=%zz');
    expect(foldUrl('/v1/runs/%ff')).toBe('/v1/runs/%25ff');
    expect(foldUrl('/v1/runs/a%20b')).toBe('/v1/runs/a%20b');
  });
});

describe('pathOf', () => {
  it('leaves out query and fragment', () => {
    expect(pathOf('/a/b?c=d')).toBe('/a/b');
    expect(pathOf('/a/b')).toBe('/a/b');
  });
});
