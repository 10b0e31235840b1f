/**
 * A disk as Windows' installer lays it out (GPT, a reserved partition, NTFS), after a build: what imgopt tells of it is
 * what ntfs-3g and ntfsinfo said of the volume, to the byte, and what it suggests is what these files occupy.
 */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { advise } from '../../src/analyzers/advise.ts';
import { createReport } from '../../src/analyzers/report.ts';
import { measureStale } from '../../src/analyzers/stale.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { NTFS_IMAGES, ntfsImage } from '../support/ntfs.ts';
import { MiB } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runToolSync } from '../support/tools.ts';

const RESERVED = 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE';
const BASIC_DATA = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
const { entries, clusterSize, clusters, freeClusters, bytes: volumeBytes } = NTFS_IMAGES.system!;

/** Bytes of the files and directories at or below these paths, a hard link to something elsewhere not. */
function occupied(...paths: string[]): number {
  const inside = Object.entries(entries).filter(([path]) =>
    paths.some((one) => path === one || path.startsWith(`${one}/`)),
  );
  const numbers = new Set(inside.map(([, { inode }]) => inode));
  for (const [path, { inode }] of Object.entries(entries))
    if (!inside.some(([one]) => one === path)) numbers.delete(inode);
  let sum = 0;
  for (const number of numbers) sum += inside.find(([, { inode }]) => inode === number)![1].allocated;
  return sum;
}

describeWithTools(['sfdisk'], 'a disk of Windows', () => {
  test('is told to the byte, with what it need not carry', async () => {
    const disk = join(temporaryFolder(), 'windows.raw');
    writeFileSync(disk, '');
    truncateSync(disk, 4 * MiB + volumeBytes);
    runToolSync(
      'sfdisk',
      ['-q', disk],
      Buffer.from(
        `label: gpt\nstart=2048, size=2048, type=${RESERVED}\n` +
          `start=4096, size=${volumeBytes / 512}, type=${BASIC_DATA}\n`,
      ),
    );
    const whole = readFileSync(disk);
    ntfsImage('system').copy(whole, 2 * MiB);
    writeFileSync(disk, whole);

    const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
    const inspection = await inspect(disk, context, { drivers: createRegistry() });
    const measured = await measureStale(inspection, context);
    const report = await createReport(inspection, { version: '0', top: 0, measured });
    const { resolved } = await advise(inspection, { books: report.books });
    await inspection.close();

    expect(report.filesystems).toMatchObject([
      { type: 'ntfs', label: 'System drive', unused: freeClusters * clusterSize, mountPoint: null },
    ]);
    const once = new Map(
      Object.values(entries)
        .filter(({ mode }) => typeOfMode(mode) !== FILE_TYPE.directory)
        .map(({ inode, allocated }) => [inode, allocated]),
    );
    const files = [...once.values()].reduce((sum, one) => sum + one, 0);
    expect(report.books.files).toEqual({ bytes: files, evidence: 'measured' });
    const inUse = volumeBytes - freeClusters * clusterSize;
    expect(report.filesystems[0]!.used).toBe(inUse);
    expect(clusters * clusterSize).toBeLessThan(volumeBytes);
    // Table and structures of the filesystem are metadata; deleted clusters that are not zero are stale.
    expect(report.books.metadata.bytes).toBeGreaterThanOrEqual(inUse - files);
    expect(report.books.stale.bytes).toBeGreaterThan(90_000);
    const sum = Object.values(report.books).reduce((total, { bytes }) => total + bytes, 0);
    expect(sum).toBe(report.artifact.allocated);

    const found = Object.fromEntries(
      resolved
        .filter(({ suggestion }) => suggestion.shell === 'powershell')
        .map(({ suggestion }) => [suggestion.title, suggestion.reclaimable]),
    );
    const winsxs =
      '/Windows/WinSxS/amd64_microsoft-windows-shell_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef';
    expect(found).toEqual({
      'Hibernation file of Windows': occupied('/hiberfil.sys'),
      'Paging files of Windows': occupied('/pagefile.sys'),
      'Downloads of Windows Update': occupied('/Windows/SoftwareDistribution/Download/0a1b'),
      'Temporary files of Windows': occupied(
        '/Windows/Temp/setup.tmp',
        '/Users/Administrator/AppData/Local/Temp/installer.msi',
      ),
      'Servicing logs of Windows': occupied('/Windows/Logs/CBS/CBS.log'),
      'Memory dumps and error reports of Windows': occupied('/Windows/MEMORY.DMP'),
      'The Windows before an upgrade': occupied('/Windows.old'),
      'Recycle bins': occupied('/$Recycle.Bin/S-1-5-21-1-2-3-500/$RABCDEF.iso'),
      'Superseded components of Windows': occupied(winsxs),
    });
    expect(found['Superseded components of Windows']).toBe(30 * clusterSize); // 120,000 bytes of old.dll
  });
});
