/**
 * Archives whose headers are damaged and whose checksums are right, which random damage hardly ever makes: every field
 * of tar's headers, and the text of descriptors in them. Passing is an inspection or an error of ours, soon.
 * IMGOPT_FUZZ_CASES sets how many cases in all (default 300), IMGOPT_FUZZ_SEED where they start.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { DiagnosticLog } from '../../src/core/context.ts';
import { ImgoptError, isArtifactError } from '../../src/core/errors.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { open } from '../support/archives.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const CASES = Number(process.env.IMGOPT_FUZZ_CASES ?? 300);
const SEED = Number(process.env.IMGOPT_FUZZ_SEED ?? 1);
const CASE_MS = 10_000;
const NAMES = ['machine.ova', 'rootfs.tar', 'image.tar'];
const folder = temporaryFolder();

/** Offsets of blocks that say that they are headers. */
function headersOf(archive: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + 512 <= archive.length; at += 512)
    if (archive.toString('latin1', at + 257, at + 262) === 'ustar') found.push(at);
  return found;
}

function repair(archive: Buffer, at: number): void {
  archive.fill(0x20, at + 148, at + 156);
  const sum = archive.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

/** What opening, listing and reading everything comes to. */
async function survive(path: string): Promise<'told' | 'refused'> {
  try {
    const log = new DiagnosticLog();
    const inspection = await open(path, log, { verify: true });
    try {
      const report = await createReport(inspection, { version: '0', top: 10, diagnostics: log.list() });
      reportSchema.parse(report);
      const { files, metadata, stale, unread, other } = report.books;
      expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
        report.artifact.allocated,
      );
      const { table, filesystems } = inspection;
      for (let entry = 0; entry < table.count; entry++) {
        if (table.type[entry] !== FILE_TYPE.file) continue;
        const source = await filesystems[inspection.filesystemOf(entry)]!.filesystem!.open(
          table.inode[entry]!,
        );
        await source.read(new Uint8Array(Math.min(source.size, 65536)), Math.max(0, source.size - 65536));
      }
    } catch (error) {
      if (!isArtifactError(error)) throw error;
    } finally {
      await inspection.close();
    }
    return 'told';
  } catch (error) {
    if (!(error instanceof ImgoptError)) throw error;
    expect(error.family).toMatch(/^(corrupt|unsupported|unreadable)$/);
    expect(error.toLine()).not.toContain('\n');
    return 'refused';
  }
}

describe('archives with sound checksums', () => {
  const each = Math.ceil(CASES / NAMES.length);
  it.each(NAMES)(`%s, ${each} cases`, async (name) => {
    const original = readFileSync(fixturePath(`containers/${name}`));
    const headers = headersOf(original);
    const outcomes = new Set<string>();
    for (let seed = SEED; seed < SEED + each; seed++) {
      const random = randomNumbers(seed);
      const copy = Buffer.from(original);
      for (let hits = 1 + random(3); hits > 0; hits--) {
        const at = headers[random(headers.length)]!;
        if (random(3) === 0 && at + 1024 <= copy.length) {
          copy.set(mutated(copy.subarray(at + 512, at + 1024), random), at + 512); // what it describes
          continue;
        }
        const field = [0, 100, 108, 116, 124, 136, 156, 157, 257, 329, 345, 386, 482][random(13)]!;
        copy.set(mutated(copy.subarray(at + field, at + field + 12), random).subarray(0, 12), at + field);
        repair(copy, at);
      }
      const path = join(folder, 'case');
      writeFileSync(path, copy);
      const started = performance.now();
      outcomes.add(
        await survive(path).catch((error: unknown) => {
          throw new Error(`${name} #${seed}: ${String(error)}`, { cause: error });
        }),
      );
      expect(performance.now() - started, `${name} #${seed}`).toBeLessThan(CASE_MS);
    }
    expect(outcomes).toEqual(new Set(['told', 'refused']));
  });
});
