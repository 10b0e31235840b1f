/** Helpers for tests of volume systems and filesystems. */
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { VolumeLayout, VolumeTable } from '../../src/core/contracts/disk.ts';
import type { FilesystemDriver } from '../../src/core/contracts/filesystem.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { FILE_TYPE, type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { readProbe } from '../../src/sources/read.ts';

export function sourceOf(disk: Uint8Array | BlockSource): BlockSource {
  return disk instanceof Uint8Array ? memorySource(disk) : disk;
}

/** `severity CODE` of each diagnostic, in order. */
export function codesOf(log: DiagnosticLog): string[] {
  return log.list().map(({ severity, code }) => `${severity} ${code.replace('IMGOPT_', '')}`);
}

/** What a volume system makes of a disk; `layout` is undefined when it does not call the disk its own. */
export async function readVolumes(
  system: VolumeTable,
  disk: Uint8Array | BlockSource,
): Promise<{ layout: VolumeLayout | undefined; codes: string[]; probed: string | undefined }> {
  const source = sourceOf(disk);
  const log = new DiagnosticLog();
  const probed = system.probe(await readProbe(source))?.certainty;
  if (probed !== 'certain') return { layout: undefined, codes: [], probed };
  const layout = await system.open(source, new RunContext({ log, where: ['disk'] }));
  return { layout, codes: codesOf(log), probed };
}

/** A filesystem opened and scanned. */
export async function scanFilesystem(driver: FilesystemDriver, volume: Uint8Array | BlockSource) {
  const log = new DiagnosticLog();
  const filesystem = await driver.open!(sourceOf(volume), new RunContext({ log, where: ['volume'] }));
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log };
}

/** Entries of a table that are regular files, by path. */
export function filesOf(table: FileTable): Map<string, number> {
  const files = new Map<string, number>();
  for (let entry = 0; entry < table.count; entry++) {
    if (table.type[entry] === FILE_TYPE.file) files.set(table.path(entry), entry);
  }
  return files;
}

/** Everything that a source holds. */
export async function contentOf(source: BlockSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return bytes;
}
