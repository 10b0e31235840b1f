import { expect, it } from 'vitest';
import { isoCodes } from '../../../src/analyzers/rules/iso-codes.ts';
import { blocks, suggestions } from './support.ts';

it('finds them where they are only recommended', async () => {
  const [found, ...more] = await suggestions(
    isoCodes,
    {
      '/usr/share/iso-codes/json/iso_639-3.json': 900000,
    },
    [
      { name: 'iso-codes', automatic: true, paths: ['/usr/share/iso-codes/json/iso_639-3.json'] },
      { name: 'x', recommends: ['iso-codes'], paths: [] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(900000));
});

it('keeps what something requires', async () => {
  expect(
    await suggestions(
      isoCodes,
      {
        '/usr/share/iso-codes/json/iso_639-3.json': 900000,
      },
      [
        { name: 'iso-codes', automatic: true, paths: ['/usr/share/iso-codes/json/iso_639-3.json'] },
        { name: 'x', requires: ['iso-codes'], paths: [] },
      ],
    ),
  ).toEqual([]);
});
