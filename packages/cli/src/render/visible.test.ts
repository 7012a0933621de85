import { describe, expect, it } from 'vitest';
import { renderAge } from './age.ts';
import { createStyle } from './style.ts';
import { renderTable } from './table.ts';
import { oneLine, visible } from './visible.ts';

describe('visible', () => {
  it('keeps letters, tabs and line breaks, and shows what hides', () => {
    expect(visible('süß\t🎼\n')).toBe('süß\t🎼\n');
    expect(visible('a\u200Bb\u202Ec\rd\u009B')).toBe('a\\u200bb\\u202ec\\u000dd\\u009b');
  });

  it('shortens to one line without cutting a character in two', () => {
    expect(oneLine('a\n  b', 10)).toBe('a b');
    expect(oneLine('🎼🎼🎼🎼🎼', 4)).toBe('🎼🎼🎼…');
  });
});

describe('renderTable', () => {
  it('aligns columns and leaves no blanks at the end', () => {
    expect(
      renderTable(
        ['A', 'B'],
        [
          ['long', ''],
          ['x', 'y'],
        ],
      ),
    ).toEqual(['A     B', 'long', 'x     y']);
  });
});

describe('renderAge', () => {
  it('uses the unit that matters', () => {
    const at = '2026-01-01T00:00:00.000Z';
    const after = (seconds: number): string => renderAge(at, Date.parse(at) + seconds * 1000);
    expect([5, 120, 7200, 200_000, -3].map(after)).toEqual(['5s', '2m', '2h', '2d', '0s']);
  });
});

describe('createStyle', () => {
  it('paints only where colours are wanted', () => {
    expect(createStyle(false).red('x')).toBe('x');
    expect(createStyle(true).red('x')).toBe('\u001B[31mx\u001B[39m');
  });
});
