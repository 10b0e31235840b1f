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

  it('tells files apart that differ late, and finds every group of one size', async () => {
    const first = randomBytes(2_500_000);
    const second = Buffer.from(first);
    second[2_499_999]! ^= 1; // the last byte
    const third = Buffer.from(first);
    third[1_200_000]! ^= 1; // behind the first look
    const found = await suggestionsOnDisk(duplicateFiles, {
      'usr/share/a1': first,
      'usr/share/b1': second,
      'usr/share/c1': third,
      'usr/share/a2': first,
      'usr/share/b2': second,
      'usr/share/a3': first,
    });
    expect(found.map(({ paths }) => paths).sort()).toEqual([
      ['/usr/share/a1', '/usr/share/a2', '/usr/share/a3'],
      ['/usr/share/b1', '/usr/share/b2'],
    ]);
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
