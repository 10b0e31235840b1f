import { expect, it } from 'vitest';
import { journal } from '../../../src/analyzers/rules/journal.ts';
import { blocks, suggestions } from './support.ts';

it('finds journals of every machine id', async () => {
  const [found, ...more] = await suggestions(journal, {
    '/var/log/journal/0123456789abcdef0123456789abcdef/system.journal': { size: 8388608, allocated: 8388608 },
    '/var/log/journal/0123456789abcdef0123456789abcdef/user-1000.journal': {
      size: 8388608,
      allocated: 4198400,
    },
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(8388608, 4198400) + 1 * 4096);
});

it('leaves the empty folder alone', async () => {
  expect(
    await suggestions(journal, {
      '/var/log/journal': null,
      '/var/log/syslog': 100,
    }),
  ).toEqual([]);
});
