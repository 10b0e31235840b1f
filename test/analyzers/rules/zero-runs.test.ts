import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { zeroRuns } from '../../../src/analyzers/rules/zero-runs.ts';
import { describeWithTools } from '../../support/tools.ts';
import { suggestionsOnDisk } from './content.ts';

describeWithTools(['mke2fs'], 'zero-runs', () => {
  it('counts the blocks of zeros that a file stores', async () => {
    const marked = Buffer.alloc(8_388_608, 0x5a);
    const block = Buffer.alloc(4096, 0x5a);
    // mke2fs leaves holes for zeros, so they are poked into the image: 700 of the file's 2048 blocks.
    const [found, ...more] = await suggestionsOnDisk(zeroRuns, { 'usr/share/padded': marked }, (image) => {
      let left = 700;
      for (let at = 0; at < image.length && left > 0; at += 4096) {
        if (image.compare(block, 0, 4096, at, at + 4096) !== 0) continue;
        image.fill(0, at, at + 4096);
        left--;
      }
    });
    expect(more).toEqual([]);
    expect(found).toMatchObject({ reclaimable: 700 * 4096, paths: ['/usr/share/padded'], safety: 'safe' });
  });

  it('leaves files without long zeros alone, and holes', async () => {
    const found = await suggestionsOnDisk(zeroRuns, {
      'usr/share/noise': randomBytes(6_000_000),
      'usr/share/holes': Buffer.alloc(8_000_000),
    });
    expect(found).toEqual([]);
  });
});
