import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertChangeable, updateOvf } from '../../src/packer/ovf.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex');

/** As VirtualBox writes it, with a disk whose name has to be escaped. */
const OVF = `<?xml version="1.0"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References>
    <File ovf:id="file1" ovf:href="a&amp;b-disk001.vmdk" ovf:size="999"/>
    <File ovf:size='777' ovf:href='other.iso' ovf:id='file2'/>
  </References>
  <DiskSection><Disk ovf:capacity="1" ovf:fileRef="file1"/></DiskSection>
</Envelope>
`;

test('sizes and names in the descriptor, digests in its manifest, and nothing else', async () => {
  const cwd = mkdtempSync(join(folder, 'ovf-'));
  const ovf = join(cwd, 'vm.ovf');
  writeFileSync(ovf, OVF);
  const disk = join(cwd, 'a&b-disk001.vmdk');
  writeFileSync(disk, 'small');
  const lines = `SHA256(vm.ovf)= ${hash('sha256', OVF)}\nSHA1(a&b-disk001.vmdk)= ${hash('sha1', 'large')}\nSHA1(other.iso)= ${hash('sha1', 'iso')}\n`;
  writeFileSync(join(cwd, 'vm.mf'), lines);
  await updateOvf(ovf, [
    { from: 'a&b-disk001.vmdk', path: disk },
    { from: 'elsewhere.vmdk', path: disk },
  ]);
  const expected = OVF.replace('ovf:size="999"', 'ovf:size="5"');
  expect(readFileSync(ovf, 'utf8')).toBe(expected);
  expect(readFileSync(join(cwd, 'vm.mf'), 'utf8')).toBe(
    `SHA256(vm.ovf)= ${hash('sha256', expected)}\nSHA1(a&b-disk001.vmdk)= ${hash('sha1', 'small')}\nSHA1(other.iso)= ${hash('sha1', 'iso')}\n`,
  );
});

test('what is signed, or would be compressed as a whole, is refused', async () => {
  const cwd = mkdtempSync(join(folder, 'ovf-'));
  const ovf = join(cwd, 'vm.ovf');
  await expect(assertChangeable(ovf, ['optimize'], undefined)).resolves.toBeUndefined();
  await expect(assertChangeable(ovf, ['optimize', 'compress'], undefined)).rejects.toMatchObject({
    code: 'IMGOPT_OVF_COMPRESSED',
  });
  await expect(assertChangeable(ovf, ['optimize'], 'qcow2')).rejects.toMatchObject({
    code: 'IMGOPT_OVF_FORMAT',
  });
  writeFileSync(join(cwd, 'vm.cert'), '');
  await expect(assertChangeable(ovf, ['optimize'], undefined)).rejects.toMatchObject({
    code: 'IMGOPT_OVF_SIGNED',
  });
});
