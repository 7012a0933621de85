import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSecretBox, SecretBoxError } from './secret-box.ts';

const box = createSecretBox(randomBytes(32));
const text = fc.string({ unit: 'grapheme', maxLength: 200 }).map((value) => value.toWellFormed());

describe('the secret box', () => {
  it('opens what it sealed, for every text and context', () => {
    fc.assert(
      fc.property(text, text, (plaintext, context) => {
        expect(box.open(box.seal(plaintext, context), context)).toBe(plaintext);
      }),
    );
  });

  it('refuses a sealed secret of which any character was changed', () => {
    fc.assert(
      fc.property(
        text,
        fc.nat(),
        fc.constantFrom('A', 'b', '7', '-', '!', ' '),
        (plaintext, at, character) => {
          const sealed = box.seal(plaintext, 'run:1');
          const index = at % sealed.length;
          fc.pre(sealed[index] !== character);
          const changed = sealed.slice(0, index) + character + sealed.slice(index + 1);
          expect(() => box.open(changed, 'run:1')).toThrow(SecretBoxError);
        },
      ),
    );
  });

  it('refuses every shortened secret', () => {
    const sealed = box.seal('a secret', 'run:1');
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => box.open(sealed.slice(0, length), 'run:1')).toThrow(SecretBoxError);
    }
  });

  it('refuses another context', () => {
    expect(() => box.open(box.seal('a secret', 'run:1'), 'run:2')).toThrow(/another context/);
  });

  it('refuses another key', () => {
    const other = createSecretBox(randomBytes(32));
    expect(() => other.open(box.seal('a secret', 'run:1'), 'run:1')).toThrow(/another key/);
  });

  it('never seals the same text to the same bytes twice', () => {
    const sealed = new Set(Array.from({ length: 200 }, () => box.seal('same', 'run:1')));
    expect(sealed.size).toBe(200);
  });

  it('does not show the plaintext in an error', () => {
    const sealed = box.seal('sk-very-secret', 'run:1');
    try {
      box.open(sealed, 'run:2');
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain('sk-very-secret');
    }
  });

  it('keeps working after the caller wiped its key', () => {
    const key = randomBytes(32);
    const own = createSecretBox(key);
    const sealed = own.seal('a secret', 'x');
    key.fill(0);
    expect(own.open(sealed, 'x')).toBe('a secret');
  });

  it('refuses a key of another length', () => {
    expect(() => createSecretBox(randomBytes(16))).toThrow(RangeError);
  });
});
