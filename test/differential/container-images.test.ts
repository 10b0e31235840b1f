/**
 * Container images that umoci and skopeo made, squashed by us and unpacked by umoci; what layers waste is counted
 * once more by a few lines of Python from the image specification.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { DiagnosticLog } from '../../src/core/context.ts';
import { listing, open, pythonListing } from '../support/archives.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

/** Bytes of regular files in each layer that a later one (or the same) overwrites or removes. */
const WASTE = `
import json, sys, tarfile
layout = sys.argv[1]
def blob(d): return f"{layout}/blobs/{d['digest'].replace(':', '/')}"
index = json.load(open(f'{layout}/index.json'))
manifest = json.load(open(blob(index['manifests'][0])))
there, wasted = {}, []
def lose(path):
    layer, size = there.pop(path)
    wasted[layer] += size
for number, layer in enumerate(manifest['layers']):
    wasted.append(0)
    before = set(there)
    with tarfile.open(blob(layer)) as archive:
        for m in archive:
            path = m.name.removeprefix('./').rstrip('/')
            folder, _, base = path.rpartition('/')
            if base == '.wh..wh..opq':
                for p in [p for p in there if p in before and there[p][0] < number and (folder == '' or p.startswith(folder + '/'))]: lose(p)
            elif base.startswith('.wh.'):
                gone = (folder + '/' if folder else '') + base[4:]
                for p in [p for p in there if there[p][0] < number and (p == gone or p.startswith(gone + '/'))]: lose(p)
            else:
                if path in there and not m.isdir(): lose(path)
                if m.isreg(): there[path] = (number, m.size)
print(json.dumps(wasted))
`;

describeWithTools(['umoci', 'skopeo', 'tar', 'python3'], 'container images', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const layout = at('layout');
  const umoci = (...args: string[]): Promise<string> => runTool('umoci', args, { cwd: folder });

  /** Changes the root filesystem and makes a layer of what changed. */
  async function layer(change: (root: string) => void): Promise<void> {
    await umoci('unpack', '--image', 'layout:latest', 'bundle');
    change(at('bundle/rootfs'));
    await umoci('repack', '--image', 'layout:latest', 'bundle');
    rmSync(at('bundle'), { recursive: true });
  }

  beforeAll(async () => {
    await umoci('init', '--layout', 'layout');
    await umoci('new', '--image', 'layout:latest');
    await layer((root) => {
      for (const name of ['etc', 'usr/lib', 'var/cache/apt', 'opt/old/deep'])
        mkdirSync(join(root, name), { recursive: true });
      writeFileSync(join(root, 'etc/os-release'), 'ID=alpine\nVERSION_ID=3\n');
      writeFileSync(join(root, 'etc/fstab'), 'none\n');
      writeFileSync(join(root, 'var/cache/apt/pkgcache.bin'), Buffer.alloc(300_000, 1));
      writeFileSync(join(root, 'usr/lib/library'), Buffer.alloc(50_000, 2));
      writeFileSync(join(root, 'opt/old/deep/file'), Buffer.alloc(20_000, 3));
    });
    await layer((root) => {
      rmSync(join(root, 'var/cache/apt/pkgcache.bin'));
      writeFileSync(join(root, 'usr/lib/library'), Buffer.alloc(60_000, 4));
    });
    await layer((root) => {
      rmSync(join(root, 'opt/old'), { recursive: true });
      mkdirSync(join(root, 'opt/old'));
      writeFileSync(join(root, 'opt/old/new'), 'new');
      rmSync(join(root, 'etc/fstab'));
    });
    await runTool('tar', ['-C', layout, '-cf', at('oci.tar'), '.']);
    await runTool('skopeo', [
      'copy',
      '-q',
      `oci:${layout}:latest`,
      `docker-archive:${at('docker.tar')}:x:latest`,
    ]);
    await runTool('skopeo', [
      'copy',
      '-q',
      '--dest-compress-format',
      'zstd',
      `oci:${layout}:latest`,
      `oci-archive:${at('zstd.tar')}`,
    ]);
    await umoci('unpack', '--image', 'layout:latest', 'unpacked');
    await runTool('tar', ['-C', at('unpacked/rootfs'), '-cf', at('unpacked.tar'), '.']);
  });

  it.each(['oci.tar', 'zstd.tar', 'docker.tar'])('%s is squashed to what umoci unpacks', async (name) => {
    expect(await listing(at(name))).toEqual(await pythonListing(at('unpacked.tar')));
  });

  it.each(['oci.tar', 'zstd.tar', 'docker.tar'])('%s: layers, their waste, and the books', async (name) => {
    const wasted = JSON.parse(await runTool('python3', ['-c', WASTE, layout])) as number[];
    const log = new DiagnosticLog();
    const inspection = await open(at(name), log, { verify: true });
    try {
      const report = await createReport(inspection, { version: '0', top: 0, diagnostics: log.list() });
      const { layers, wastedBytes, efficiency } = report.artifact.formatDetails as {
        layers: { wasted: number; fileSize: number; compressedWith: string | null }[];
        wastedBytes: number;
        efficiency: number;
      };
      expect(layers.map((one) => one.wasted)).toEqual(wasted);
      expect(wasted).toEqual([370_005, 0, 0]);
      expect(wastedBytes).toBe(370_005);
      expect(efficiency).toBeCloseTo(1 - 370_005 / (370_005 + 23 + 60_000 + 3), 3);
      expect(layers[0]!.compressedWith).toBe(
        { 'oci.tar': 'gzip', 'zstd.tar': 'zstd', 'docker.tar': null }[name],
      );
      const { files, metadata, stale, unread, other } = report.books;
      expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
        report.artifact.allocated,
      );
      if (name === 'docker.tar') expect(stale.bytes).toBeGreaterThanOrEqual(370_005);
      expect(report.os?.id).toBe('alpine');
      expect(report.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    } finally {
      await inspection.close();
    }
  });

  it('a blob that was changed is found with --verify', async () => {
    const bytes = readFileSync(at('docker.tar'));
    bytes[bytes.indexOf('ID=alpine')]! ^= 1;
    writeFileSync(at('changed.tar'), bytes);
    const log = new DiagnosticLog();
    await (await open(at('changed.tar'), log, { verify: true })).close();
    expect(log.list().map(({ code }) => code)).toContain('IMGOPT_DIGEST_MISMATCH');
  });
});
