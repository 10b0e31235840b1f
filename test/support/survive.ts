/** What a mutated filesystem must do: be read, partly read or refused with an error of ours, soon. */
import { expect } from 'vitest';
import type { FilesystemDriver } from '../../src/core/contracts/filesystem.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { openFilesystem } from './read-only.ts';

const SECONDS = 10;
const READS = 20;

/** @param name says which mutation it was */
export async function survive(
  driver: FilesystemDriver,
  name: string,
  bytes: Uint8Array,
): Promise<'read' | 'partly' | 'refused'> {
  const started = performance.now();
  let failures = 0;
  const ours = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw new Error(`${name}: not an error of ours`, { cause: error });
      expect(error.family, name).toMatch(/^(corrupt|unsupported|unreadable)$/);
      failures++;
      return false;
    }
  };
  let diagnostics = 0;
  const isRead = await ours(async () => {
    const { filesystem, table, log } = await openFilesystem(driver, memorySource(bytes));
    diagnostics = log.list().length;
    expect((await filesystem.metadataExtents()).total, name).toBeLessThanOrEqual(bytes.length);
    await ours(async () => {
      const unused = await filesystem.unusedExtents();
      expect(unused.clip(0, filesystem.size).total, name).toBe(unused.total);
    });
    let reads = 0;
    for (let entry = 0; entry < table.count && reads < READS; entry++) {
      const inode = table.inode[entry]!;
      if (table.type[entry] === FILE_TYPE.symlink) await ours(() => filesystem.readLink(inode));
      else if (table.type[entry] === FILE_TYPE.file && table.size[entry]! > 4) {
        await ours(async () => {
          const source = await filesystem.open(inode);
          await source.read(new Uint8Array(Math.min(source.size, 65_536)), 0);
          for await (const batch of source.extents()) expect(batch.length).toBeGreaterThan(0);
        });
      } else continue;
      reads++;
    }
  });
  expect(performance.now() - started, name).toBeLessThan(SECONDS * 1000);
  if (!isRead) return 'refused';
  return failures + diagnostics === 0 ? 'read' : 'partly';
}
