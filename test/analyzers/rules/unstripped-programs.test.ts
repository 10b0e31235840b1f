import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { unstrippedPrograms } from '../../../src/analyzers/rules/unstripped-programs.ts';
import { describeWithTools } from '../../support/tools.ts';
import { suggestionsOnDisk } from './content.ts';
import { suggestions } from './support.ts';

const BLOCK = 4096;

describeWithTools(['mke2fs', 'cc', 'strip'], 'unstripped-programs', () => {
  /** A program with megabytes of debugging sections, as a compiler writes it. */
  function program(folder: string): Buffer {
    const source = join(folder, 'x.c');
    const types = Array.from(
      { length: 30_000 },
      (_, i) =>
        `struct a_long_name_of_a_structure_${i} { int member_with_a_name_${i}, another_member_${i}; } variable_${i};`,
    );
    writeFileSync(source, `${types.join('\n')}\nint main(void) { return 0; }\n`);
    execFileSync('cc', ['-g', '-o', join(folder, 'x'), source]);
    return readFileSync(join(folder, 'x'));
  }

  it('predicts what strip frees', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-strip-'));
    try {
      const bytes = program(folder);
      expect(bytes.length).toBeGreaterThan(5 * 1024 * 1024);
      copyFileSync(join(folder, 'x'), join(folder, 'stripped'));
      execFileSync('strip', ['--strip-unneeded', join(folder, 'stripped')]);
      const stripped = readFileSync(join(folder, 'stripped'));
      const freed =
        (Math.ceil(bytes.length / BLOCK) - Math.ceil(statSync(join(folder, 'stripped')).size / BLOCK)) *
        BLOCK;
      const [found, ...more] = await suggestionsOnDisk(unstrippedPrograms, {
        'usr/local/bin/x': bytes,
        'usr/local/bin/stripped': Buffer.concat([stripped, Buffer.alloc(6 * 1024 * 1024, 'x')]),
        'usr/local/bin/appended': Buffer.concat([bytes, Buffer.from('PyInstaller’s archive')]),
        'usr/local/bin/noise': Buffer.alloc(6 * 1024 * 1024, '\x7fELF'),
      });
      expect(more).toEqual([]);
      expect(found!.paths).toEqual(['/usr/local/bin/x']);
      // Headers and alignment are strip's own; a per cent is more than they are.
      expect(Math.abs(found!.reclaimable - freed)).toBeLessThan(freed * 0.01);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

it('leaves files alone that cannot be read, or are small', async () => {
  expect(await suggestions(unstrippedPrograms, { '/usr/local/bin/x': 50_000_000, '/opt/y': 1000 })).toEqual(
    [],
  );
});
