import { expect, test } from 'vitest';
import { Session } from '../../../packages/server/src/store/session.ts';
import { testDatabase } from '../../world/database.ts';

test('arrays cross as they are, on a connection that asked for no types', async () => {
  await using database = await testDatabase();
  await using session = await Session.open(database.target, { part: 'arrays' });
  const texts = [
    'plain',
    'with "quotes", commas and {braces}',
    'back\\slash',
    'line\nbreak',
    'NULL',
    '',
    null,
  ];
  const times = ['2026-01-02T03:04:05.600Z', null, 'infinity'];
  const uuids = ['00000000-0000-7000-8000-000000000001'];
  const [row] = await session.sql`
    select ${texts}::text[] as texts, ${times}::timestamptz[] as times, ${uuids}::uuid[] as uuids,
      ${[1, null, -3]}::int[] as ints, ${[2 ** 40]}::bigint[] as bigints, ${[7]}::smallint[] as shorts,
      ${'{true,false}'}::boolean[] as booleans, ${[]}::text[] as empty`;
  expect(row).toEqual({
    texts,
    times,
    uuids,
    ints: [1, null, -3],
    bigints: [2 ** 40],
    shorts: [7],
    booleans: [true, false],
    empty: [],
  });
});
