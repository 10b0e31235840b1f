/** Containers that lie: one error of ours with its code, or a diagnostic and the rest told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog } from '../../../src/core/context.ts';
import { listing, open } from '../../support/archives.ts';
import { end, member, pax, record } from '../../support/tar-made.ts';
import { temporaryFolder } from '../../support/temp.ts';

const folder = temporaryFolder();
let count = 0;

function file(...blocks: Uint8Array[]): string {
  const path = join(folder, `hostile-${count++}`);
  writeFileSync(path, Buffer.concat(blocks));
  return path;
}

const ROOT = [member({ name: 'etc/', type: '5' }), member({ name: 'etc/fstab' }, 'x')];

async function codes(path: string): Promise<string[]> {
  const log = new DiagnosticLog();
  await (await open(path, log, { verify: true })).close();
  return log.list().map(({ code }) => code.replace('IMGOPT_', ''));
}

describe('archives of files', () => {
  it('names that lead outside are left out, and said', async () => {
    const path = file(
      ...ROOT,
      member({ name: '../../etc/passwd' }, 'x'),
      member({ name: 'etc/../../a' }, 'x'),
      end(),
    );
    expect(Object.keys(await listing(path)).sort()).toEqual(['/etc', '/etc/fstab']);
    expect(await codes(path)).toEqual(['ARCHIVE_OUTSIDE', 'ARCHIVE_OUTSIDE']);
  });

  it('hard links to nothing, to themselves and in a circle', async () => {
    const link = (name: string, linkname: string): Buffer => member({ name, type: '1', linkname });
    const path = file(...ROOT, link('a', 'missing'), link('b', 'b'), link('c', 'd'), link('d', 'c'), end());
    expect(await codes(path)).toEqual(Array(4).fill('ARCHIVE_LINK'));
  });

  it('symbolic links in a circle in the middle of a path', async () => {
    const link = (name: string, linkname: string): Buffer => member({ name, type: '2', linkname });
    const path = file(...ROOT, link('x', 'y'), link('y', '/x'), member({ name: 'x/file' }, 'x'), end());
    expect(await codes(path)).toEqual(['ARCHIVE_OUTSIDE']);
  });

  it('symbolic links never lead out of the tree', async () => {
    const path = file(
      ...ROOT,
      member({ name: 'up', type: '2', linkname: '../../..' }),
      member({ name: 'up/here' }, 'x'),
      end(),
    );
    expect(Object.keys(await listing(path))).toContain('/here');
    expect(await codes(path)).toEqual([]);
  });

  it('directories as deep as a path can be', async () => {
    const path = file(
      ...ROOT,
      pax(record('path', `${'d/'.repeat(2000)}file`)),
      member({ name: 'x' }, 'deep'),
      end(),
    );
    expect(Object.keys(await listing(path))).toHaveLength(2003);
  });

  it('a file where a folder was, and the other way round', async () => {
    const path = file(
      ...ROOT,
      member({ name: 'a/b' }, 'inner'),
      member({ name: 'a' }, 'now a file'),
      member({ name: 'a/c' }, 'again a folder'),
      end(),
    );
    expect(Object.keys(await listing(path)).sort()).toEqual(['/a', '/a/c', '/etc', '/etc/fstab']);
  });

  it.each([
    ['newc header that is none', '070701zzzzzzzz'.padEnd(200, '0'), 'CPIO_HEADER'],
    ['cut short', `070701${'00000001'.repeat(13)}a\0`, 'CPIO_TRUNCATED'],
    ['a name of gigabytes', `070701${'00000000'.repeat(11)}7fffffff00000000`.padEnd(300, 'n'), 'CPIO_NAME'],
    ['the old portable format', '070707'.padEnd(200, '0'), 'CPIO_FORMAT'],
  ])('cpio: %s', async (_, text, code) => {
    await expect(open(file(Buffer.from(text)))).rejects.toMatchObject({ code: `IMGOPT_${code}` });
  });
});

describe('containers of disks', () => {
  const ovf = (inner: string): string =>
    `<Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References>${inner}</DiskSection></Envelope>`;
  const disk = '<Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="1"/>';

  it.each([
    ['broken XML', '<Envelope><References></Envelope>', 'OVF_BROKEN'],
    [
      'an entity bomb',
      '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Envelope><A>&b;</A></Envelope>',
      'OVF_BROKEN',
    ],
    ['elements without an end', '<Envelope>'.repeat(500), 'OVF_BROKEN'],
    ['another document', '<html/>', 'OVF_BROKEN'],
    ['a reference to nothing', ovf(`</References><DiskSection>${disk}`), 'OVF_REFERENCE'],
    [
      'chunks',
      ovf(`<File ovf:id="f" ovf:href="d" ovf:chunkSize="1"/></References><DiskSection>${disk}`),
      'OVF_CHUNKS',
    ],
    ['no disks', ovf('</References><DiskSection>'), 'NO_DISK'],
    [
      'a disk that leads outside',
      ovf(`<File ovf:id="f" ovf:href="../../disk.vmdk"/></References><DiskSection>${disk}`),
      'NO_DISK',
    ],
    [
      'a hundred disks',
      ovf(`<File ovf:id="f" ovf:href="m.ovf"/></References><DiskSection>${disk.repeat(100)}`),
      'TOO_MANY_DISKS',
    ],
  ])('an OVA with %s', async (_, text, code) => {
    await expect(open(file(member({ name: 'm.ovf' }, text), end()))).rejects.toMatchObject({
      code: `IMGOPT_${code}`,
    });
  });

  it('a box whose disks are text, and one whose metadata are broken', async () => {
    const metadata = member({ name: 'metadata.json' }, '{"provider": "libvirt"}');
    await expect(open(file(metadata, end()))).rejects.toMatchObject({ code: 'IMGOPT_NO_DISK' });
    const path = file(metadata, member({ name: 'box.img' }, 'no disk'.padEnd(1024, '.')), end());
    expect(await codes(path)).toContain('VOLUME_UNKNOWN');
    // Nothing says that it is a box: an archive of two files.
    expect(
      await codes(file(member({ name: 'metadata.json' }, '{"provider":'), member({ name: 'x' }, 'y'), end())),
    ).toEqual(['CONTAINER_JSON']);
  });

  it('images whose index lies', async () => {
    const layout = member({ name: 'oci-layout' }, '{"imageLayoutVersion": "1.0.0"}');
    const index = (text: string): Buffer => member({ name: 'index.json' }, text);
    const digest = `sha256:${'a'.repeat(64)}`;
    const blob = (text: string): Buffer => member({ name: `blobs/sha256/${'a'.repeat(64)}` }, text);
    const fails = async (code: string, ...blocks: Buffer[]): Promise<void> => {
      await expect(open(file(layout, ...blocks, end()))).rejects.toMatchObject({ code: `IMGOPT_${code}` });
    };
    await fails('CONTAINER_JSON', index('{'));
    await fails('IMAGE_INDEX', index('[]'));
    await fails('IMAGE_INDEX', index('{"manifests": []}'));
    const self = JSON.stringify({ manifests: [{ digest, size: 0, mediaType: 'index' }] });
    const sized = JSON.stringify({ manifests: [{ digest, size: 500, mediaType: 'index' }] });
    await fails('IMAGE_BLOB_SIZE', index(sized), blob(self));
    // An index that is its own: the name of a blob is a digest, which nobody checked yet.
    const circle = JSON.stringify({ manifests: [{ digest, size: 200, mediaType: 'index' }] }).padEnd(200);
    await fails('IMAGE_INDEX', index(circle), blob(circle));
    const manifest = JSON.stringify({
      config: { digest, size: 1 },
      layers: [{ digest: 'sha256:../../x', size: 1 }],
    });
    await fails(
      'IMAGE_BLOB_SIZE',
      index(JSON.stringify({ manifests: [{ digest, size: manifest.length }] })),
      blob(manifest),
    );
  });
});
