import { expect, it } from 'vitest';
import { documentationPackages } from '../../../src/analyzers/rules/documentation-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds them', async () => {
  const [found, ...more] = await suggestions(
    documentationPackages,
    {
      '/usr/share/doc/debian/FAQ/x.html': 600000,
    },
    [{ name: 'debian-faq', paths: ['/usr/share/doc/debian/FAQ', '/usr/share/doc/debian/FAQ/x.html'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(600000) + 1 * 4096);
});

it('keeps what something requires', async () => {
  expect(
    await suggestions(
      documentationPackages,
      {
        '/usr/share/doc/debian/FAQ/x.html': 600000,
      },
      [
        {
          name: 'debian-faq',
          paths: ['/usr/share/doc/debian/FAQ', '/usr/share/doc/debian/FAQ/x.html'],
          automatic: true,
        },
        { name: 'meta', requires: ['debian-faq'], paths: [] },
      ],
    ),
  ).toEqual([]);
});
