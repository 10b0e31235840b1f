/** A report with everything in it, by hand: plain numbers and the names that attackers and Unicode bring. */
import type { Report } from '../../src/core/contracts/report.ts';
import type { ReporterOptions } from '../../src/core/contracts/reporter.ts';

const MiB = 1024 * 1024;

export const sampleReport: Report = {
  schema: 'imgopt.report/1',
  generator: { name: 'imgopt', version: '0.1.0' },
  artifact: {
    path: 'out/debian.qcow2',
    format: 'qcow2',
    formatDetails: { version: 3, clusterSize: 65536 },
    fileSize: 1600 * MiB,
    allocated: 1600 * MiB,
    virtualSize: 6144 * MiB,
    backing: [],
  },
  partitions: [
    {
      index: 14,
      scheme: 'gpt',
      type: '21686148-6449-6e6f-744e-656564454649',
      name: null,
      start: MiB,
      size: 3 * MiB,
    },
    {
      index: 1,
      scheme: 'gpt',
      type: '0fc63daf-8483-4772-8e79-3d69d8477de4',
      name: 'root',
      start: 4 * MiB,
      size: 6139 * MiB,
    },
  ],
  filesystems: [
    {
      index: 0,
      type: 'ext4',
      label: 'root',
      uuid: '0b7ba9a8-8c0f-4f1c-9a3e-3f5ad0f7a001',
      partition: 1,
      start: 4 * MiB,
      size: 6139 * MiB,
      used: 1230 * MiB,
      unused: 4909 * MiB,
      stale: null,
      mountPoint: '/',
      files: 31_204,
      directories: 4011,
      state: 'needs-recovery',
    },
  ],
  books: {
    files: { bytes: 1100 * MiB, evidence: 'measured' },
    metadata: { bytes: 79 * MiB, evidence: 'measured' },
    stale: { bytes: 420 * MiB, evidence: 'estimated' },
    unread: { bytes: 0, evidence: 'measured' },
    other: { bytes: MiB, evidence: 'measured' },
  },
  os: { id: 'debian', versionId: '12', prettyName: 'Debian GNU/Linux 12 (bookworm)', architecture: 'amd64' },
  totals: {
    files: 31_204,
    directories: 4011,
    symlinks: 3200,
    size: 1000 * MiB,
    allocated: 1100 * MiB,
    packaged: 900 * MiB,
    unpackaged: 200 * MiB,
    reclaimable: 60 * MiB,
  },
  packages: [
    {
      manager: 'dpkg',
      name: 'linux-image-6.1.0-18-cloud-amd64',
      version: '6.1.76-1',
      architecture: 'amd64',
      installedSize: 400 * MiB,
      allocated: 398 * MiB,
      files: 4310,
      automatic: true,
      requiredBy: ['linux-image-cloud-amd64'],
      state: null,
    },
    {
      manager: 'dpkg',
      name: 'libc6',
      version: '2.36-9+deb12u4',
      architecture: 'amd64',
      installedSize: null,
      allocated: 13 * MiB,
      files: 300,
      automatic: null,
      requiredBy: Array.from({ length: 200 }, (_, index) => `package-${String(index).padStart(3, '0')}`),
      state: null,
    },
  ],
  kinds: [
    { kind: 'shared libraries', files: 2000, size: 390 * MiB, allocated: 400 * MiB },
    { kind: 'documentation', files: 9000, size: 50 * MiB, allocated: 90 * MiB },
  ],
  files: [
    {
      path: `/var/lib/${'deep/'.repeat(30)}libLLVM-14.so.1`,
      filesystem: 0,
      size: 90 * MiB,
      allocated: 110 * MiB,
      links: 1,
      package: 'libllvm14',
    },
    {
      path: '/home/\u001b[31m\n\u202eevil',
      filesystem: 0,
      size: 10 * MiB,
      allocated: 11 * MiB,
      links: 2,
      package: null,
    },
    {
      path: '/srv/写真/日本語の名前のとても長いファイル名のための試験の画像.png',
      filesystem: 0,
      size: 9 * MiB,
      allocated: 9 * MiB,
      links: 1,
      package: null,
    },
    { path: '=cmd|" /C calc"!A0', filesystem: 0, size: 1, allocated: 4096, links: 1, package: null },
  ],
  directories: [
    {
      path: '/usr',
      filesystem: 0,
      size: 700 * MiB,
      allocated: 800 * MiB,
      files: 20000,
      exclusive: 60 * MiB,
      unpackaged: 0,
    },
    {
      path: '/usr/lib/x86_64-linux-gnu',
      filesystem: 0,
      size: 380 * MiB,
      allocated: 390 * MiB,
      files: 2000,
      exclusive: 390 * MiB,
      unpackaged: 3 * MiB,
    },
  ],
  suggestions: [
    {
      rule: 'apt-lists',
      title: 'Remove package indexes',
      safety: 'safe',
      reclaimable: 60 * MiB,
      paths: ['/var/lib/apt/lists'],
      packages: [],
      commands: ['rm -rf /var/lib/apt/lists/*'],
      reason: 'apt update brings them back',
      family: 'package caches',
      needsUnusedDropped: true,
    },
  ],
  hygiene: [],
  diagnostics: [
    {
      code: 'IMGOPT_EXT_NEEDS_RECOVERY',
      severity: 'warning',
      message: 'the journal was not replayed',
      where: 'debian.qcow2 > gpt > 1',
    },
    {
      code: 'IMGOPT_EXT_BAD_INODE',
      severity: 'error',
      message: 'inode 12 is damaged',
      where: 'debian.qcow2 > gpt > 1 > ext4',
    },
  ],
};

export const plainOptions: ReporterOptions = { columns: 120, color: false, top: 20, inspection: null };

export function rendered(pieces: Iterable<string>): string {
  return [...pieces].join('');
}
