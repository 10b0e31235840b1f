import { expect, it } from 'vitest';
import { temporaryFiles } from '../../../src/analyzers/rules/temporary-files.ts';
import { blocks, suggestions } from './support.ts';

it('finds everything in both, hidden files too', async () => {
  const [found, ...more] = await suggestions(temporaryFiles, {
    '/tmp/script.sh': 300,
    '/tmp/.X11-unix/X0': 0,
    '/var/tmp/dracut/x.img': 30000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(300, 30000000) + 2 * 4096);
});

it('leaves empty folders alone', async () => {
  expect(
    await suggestions(temporaryFiles, {
      '/tmp': null,
      '/var/tmp': null,
      '/usr/tmp.txt': 100,
    }),
  ).toEqual([]);
});
