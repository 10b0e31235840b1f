import { expect, it } from 'vitest';
import { documentation } from '../../../src/analyzers/rules/documentation.ts';
import { blocks, suggestions } from './support.ts';

it('finds all but copyright and licences', async () => {
  const [found, ...more] = await suggestions(documentation, {
    '/usr/share/doc/bash/README.gz': 20000,
    '/usr/share/doc/bash/examples/x': 5000,
    '/usr/share/doc/bash/copyright': 10000,
    '/usr/share/doc/libc6': null,
    '/usr/share/doc/zlib/LICENSE.txt': 1000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(20000, 5000) + 2 * 4096);
});

it('leaves copyright files alone', async () => {
  expect(
    await suggestions(documentation, {
      '/usr/share/doc/bash/copyright': 10000,
      '/usr/share/doc/libfoo': { link: 'libfoo-common' },
    }),
  ).toEqual([]);
});
