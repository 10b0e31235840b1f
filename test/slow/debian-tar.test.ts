/**
 * A full Debian system as mmdebstrap's tar (bench/make-debian.sh; `IMGOPT_BENCH_DATA` names its folder), plain and
 * compressed: every entry with its attributes and content against Python's tarfile, every owner against dpkg-query.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { DiagnosticLog } from '../../src/core/context.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { listOf, open, pythonListing, type Row } from '../support/archives.ts';
import { ownersByPath } from '../support/dpkg-query.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { DebianTree, debianTar } from './debian-images.ts';

describeWithTools(
  ['mmdebstrap', 'tar', 'python3', 'dpkg-query', 'gzip', 'zstd'],
  "a full system's tar",
  () => {
    const folder = temporaryFolder();
    let tar: string;
    let expected: Record<string, Row>;
    let owners: ReadonlyMap<string, ReadonlySet<string>>;
    let packages: readonly string[];

    beforeAll(async () => {
      tar = await debianTar();
      expected = await pythonListing(tar);
      const tree = DebianTree.extract(tar, folder);
      owners = await ownersByPath(tree.path);
      const list = await runTool('dpkg-query', [
        `--admindir=${tree.path}/var/lib/dpkg`,
        '-W',
        '-f',
        `\${Package} \${Version}\\n`,
      ]);
      packages = list.trim().split('\n').sort();
    });

    test.each(['', 'gzip', 'zstd'])('is told file by file %s', async (program) => {
      let path = tar;
      if (program !== '') {
        path = join(folder, `debian.tar.${program}`);
        const output = openSync(path, 'w');
        execFileSync(program, ['-c', '-1', tar], { stdio: ['ignore', output, 'inherit'] });
        closeSync(output);
      }
      const log = new DiagnosticLog();
      const inspection = await open(path, log);
      try {
        expect(log.list().filter(({ severity }) => severity !== 'info')).toEqual([]);
        const ours = await listOf(inspection);
        expect(Object.keys(ours).length).toBeGreaterThan(30_000);
        expect(Object.keys(ours).sort()).toEqual(Object.keys(expected).sort());
        const differ = Object.entries(expected).filter(([name, row]) => String(ours[name]) !== String(row));
        expect(differ.slice(0, 5).map(([name, row]) => [name, ours[name], row])).toEqual([]);
        const { table, packages: found, owner } = inspection;
        const ofDpkg = found.filter(({ manager }) => manager === 'dpkg');
        expect(ofDpkg.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(packages);
        let owned = 0;
        const wrong: unknown[] = [];
        for (let entry = 0; entry < table.count; entry++) {
          if (table.type[entry] === FILE_TYPE.directory) continue;
          const names = owners.get(inspection.pathOf(entry));
          const one = found[owner[entry]!];
          const claimed = one?.manager === 'dpkg' ? `${one.name}:${one.architecture}` : undefined;
          if (names === undefined ? claimed !== undefined : !names.has(claimed ?? ''))
            wrong.push([inspection.pathOf(entry), claimed, [...(names ?? [])]]);
          else if (claimed !== undefined) owned++;
        }
        expect(wrong.slice(0, 5)).toEqual([]);
        expect(owned).toBeGreaterThan(20_000);
        const { books, artifact, os } = await createReport(inspection, { version: '0', top: 0 });
        const { files, metadata, stale, unread, other } = books;
        expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
          artifact.allocated,
        );
        expect(os?.id).toBe('debian');
        process.stdout.write(`${program || 'plain'}: ${Object.keys(ours).length} entries, ${owned} owned\n`);
      } finally {
        await inspection.close();
      }
    });
  },
);
