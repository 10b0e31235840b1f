import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { duplicateFiles } from '../../../src/analyzers/rules/duplicate-files.ts';
import { describeWithTools } from '../../support/tools.ts';
import { suggestionsOnDisk } from './content.ts';

describeWithTools(['mke2fs'], 'duplicate-files', () => {
  it('finds equal content, and not equal sizes', async () => {
    const content = randomBytes(3_000_000);
    const other = randomBytes(3_000_000);
    const found = await suggestionsOnDisk(duplicateFiles, {
      'usr/share/a.bin': content,
      'usr/lib/b.bin': content,
      'usr/share/c.bin': other,
    });
    expect(found.map(({ paths }) => paths)).toEqual([['/usr/lib/b.bin', '/usr/share/a.bin']]);
    expect(found[0]!.reclaimable).toBe(Math.ceil(3_000_000 / 4096) * 4096);
  });

  it('leaves small files, and data that may change, alone', async () => {
    const content = randomBytes(2_000_000);
    const small = randomBytes(5000);
    expect(
      await suggestionsOnDisk(duplicateFiles, {
        'var/lib/a': content,
        'var/lib/b': content,
        'usr/share/s1': small,
        'usr/share/s2': small,
      }),
    ).toEqual([]);
  });
});
