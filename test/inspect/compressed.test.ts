import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);

async function reportOf(path: string): Promise<MeasuredReport> {
  const log = new DiagnosticLog();
  const inspection = await inspect(path, new RunContext({ log, threads: 2 }), { drivers: createRegistry() });
  try {
    return await createReport(inspection, { version: '0', top: 0, diagnostics: log.list() });
  } finally {
    await inspection.close();
  }
}

/** What must not depend on how the disk is stored. */
function story({ filesystems, os, totals, packages, files, directories }: MeasuredReport): unknown {
  return { filesystems, os, totals, packages, files, directories };
}

describe('compressed images', () => {
  let plain: MeasuredReport;
  beforeAll(async () => {
    const qcow2 = fixturePath('debian-mini/debian-mini.qcow2');
    const inspection = await inspect(qcow2, new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    });
    const disk = new Uint8Array(inspection.disk.source.size);
    await inspection.disk.source.read(disk, 0);
    await inspection.close();
    writeFileSync(at('disk.raw'), disk);
    writeFileSync(at('disk.raw.zst'), zstdCompressSync(disk));
    writeFileSync(at('disk.raw.gz'), gzipSync(disk, { level: 1 }));
    writeFileSync(at('disk.qcow2.gz'), gzipSync(readFileSync(qcow2), { level: 1 }));
    plain = await reportOf(at('disk.raw'));
  });

  it.each(['disk.raw.zst', 'disk.raw.gz', 'disk.qcow2.gz'])(
    '%s tells what the plain disk tells',
    async (name) => {
      const report = await reportOf(at(name));
      expect(story(report)).toEqual(story(plain));
      expect(report.artifact.fileSize).toBe(readFileSync(at(name)).length);
      expect(report.artifact.formatDetails).toMatchObject({
        compressedWith: name.endsWith('.zst') ? 'zstd' : 'gzip',
      });
      const { files, metadata, stale, unread, other } = report.books;
      expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
        report.artifact.allocated,
      );
    },
  );

  it('spend nothing on zeros: half of the disk is unused, and most of that was never written', async () => {
    const { books, artifact } = await reportOf(at('disk.raw.gz'));
    const disk = readFileSync(at('disk.raw'));
    let written = 0;
    for (let from = 0; from < disk.length; from += 65536)
      if (disk.subarray(from, from + 65536).some((byte) => byte !== 0)) written += 65536;
    // What e2fsprogs calls free and is not zero is under 5 MB here; the rest of what is written is in use.
    expect(books.stale.bytes).toBeLessThan((artifact.allocated * 5.5e6) / written);
    expect(books.stale.bytes).toBeGreaterThan(0);
  });

  it('cut short are corrupt, not explained by half', async () => {
    writeFileSync(at('cut.raw.gz'), readFileSync(at('disk.raw.gz')).subarray(0, 3_000_000));
    await expect(reportOf(at('cut.raw.gz'))).rejects.toMatchObject({ family: 'corrupt' });
  });
});
