/**
 * Every reader of manifests by one suite: lists as the tools print them (test/fixtures/manifests), held against what
 * the same tools say by other means.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { ImgoptError, isArtifactError } from '../../src/core/errors.ts';
import { readManifest } from '../../src/manifests/read.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { loadReporter, REPORTER_NAMES } from '../../src/reporters/index.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { plainOptions, rendered } from '../reporters/sample.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

interface Known {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string | null;
  readonly installedSize?: number | null;
  readonly state?: string | null;
  readonly manager?: string;
  readonly automatic?: boolean | null;
  readonly requiredBy?: readonly string[];
}

interface Expected {
  readonly dpkg: { name: string; version: string; architecture: string; kib: string; state: string }[];
  readonly rpm: {
    name: string;
    epoch: string;
    version: string;
    release: string;
    architecture: string;
    size: number;
  }[];
  readonly apk: { name: string; version: string; architecture: string; size: number }[];
  readonly npm: { name: string; version: string }[];
  readonly sbom: { name: string; version: string }[];
}

const truth = JSON.parse(fixtureBytes('manifests/expected.json').toString()) as Expected;
const isGone = (state: string): boolean => state === 'config-files';

/** By what of the truth a list shows. */
const dpkg = (show: { version?: false; architecture?: false; size?: false; state?: false }): Known[] =>
  truth.dpkg.map((one) => ({
    name: one.name,
    ...(show.version === false ? {} : { version: one.version }),
    ...(show.architecture === false ? {} : { architecture: one.architecture }),
    ...(show.size === false ? { installedSize: null } : { installedSize: Number(one.kib) * 1024 }),
    ...(show.state === false ? {} : { state: isGone(one.state) ? one.state : null }),
  }));
const rpmArchitecture = (one: string): string | null => (one === '(none)' ? null : one);
const rpm = (sized: boolean): Known[] =>
  truth.rpm.map((one) => ({
    name: one.name,
    architecture: rpmArchitecture(one.architecture),
    installedSize: sized ? one.size : null,
  }));
const apk = (more: (one: Expected['apk'][number]) => Partial<Known>): Known[] =>
  truth.apk.map((one) => ({ name: one.name, installedSize: null, ...more(one) }));
const npm = (list: Expected['npm']): Known[] =>
  list.map((one) => ({ ...one, installedSize: null, manager: 'npm' }));

interface Case {
  readonly file: string;
  readonly format: string;
  readonly manager?: string;
  readonly packages: readonly Known[];
  readonly os?: Report['os'];
}

const PIP: Known[] = [
  { name: 'pip', version: '23.2.1', installedSize: null },
  { name: 'setuptools', version: '65.5.0', installedSize: null },
];
const SYFT: Known[] = [
  {
    manager: 'dpkg',
    name: 'base-files',
    version: '11.1+deb11u7',
    architecture: 'amd64',
    installedSize: 341 * 1024,
  },
  {
    manager: 'apk',
    name: 'alpine-baselayout',
    version: '3.4.3-r2',
    architecture: 'x86_64',
    installedSize: 331776,
  },
  { manager: 'rpm', name: 'bash', version: '5.1.8-6.el9', architecture: 'x86_64', installedSize: 7738778 },
];

const CASES: readonly Case[] = [
  {
    file: 'dpkg-query.txt',
    format: 'dpkg-query',
    manager: 'dpkg',
    packages: dpkg({ architecture: false, size: false, state: false }),
  },
  { file: 'dpkg-query.mkosi.txt', format: 'dpkg-query', manager: 'dpkg', packages: dpkg({ state: false }) },
  {
    file: 'dpkg-query.sizes.txt',
    format: 'dpkg-query',
    manager: 'dpkg',
    packages: dpkg({ version: false, architecture: false, state: false }),
  },
  {
    file: 'dpkg-query.padded.txt',
    format: 'dpkg-query',
    manager: 'dpkg',
    packages: dpkg({ architecture: false, state: false }),
  },
  {
    file: 'dpkg-query.names.txt',
    format: 'dpkg-query',
    manager: 'dpkg',
    packages: dpkg({ version: false, architecture: false, size: false, state: false }),
  },
  {
    file: 'dpkg-selections.txt',
    format: 'dpkg-query',
    manager: 'dpkg',
    packages: dpkg({ version: false, architecture: false, size: false }),
  },
  { file: 'dpkg-l.txt', format: 'dpkg-l', manager: 'dpkg', packages: dpkg({ size: false }) },
  {
    file: 'dpkg-l.grep.txt',
    format: 'dpkg-l',
    manager: 'dpkg',
    packages: dpkg({ size: false }).filter((one) => one.state === null),
  },
  {
    file: 'dpkg.status',
    format: 'dpkg-status',
    manager: 'dpkg',
    // What was removed declares a size that is there no more.
    packages: dpkg({}).map((one) => (one.state === null ? one : { ...one, installedSize: null })),
  },
  {
    file: 'apt-list.txt',
    format: 'apt-list',
    manager: 'dpkg',
    packages: [
      { name: 'adduser', version: '3.134', architecture: 'all', automatic: true, installedSize: null },
      { name: 'bash', version: '5.2.15-2+b7', architecture: 'amd64', automatic: false },
      { name: 'local', version: '2.0', automatic: null },
      { name: 'old', version: '1.0-1', automatic: null, state: 'config-files' },
    ],
  },
  {
    file: 'ubuntu.manifest',
    format: 'ubuntu-manifest',
    packages: [
      { manager: 'dpkg', name: 'adduser', version: '3.118ubuntu5', installedSize: null },
      { manager: 'dpkg', name: 'libc6', version: '2.35-0ubuntu3.6', architecture: 'amd64' },
      { manager: 'dpkg', name: 'linux-image-virtual', version: '5.15.0.94.91' },
      { manager: 'snap', name: 'core20', version: '2105' },
      { manager: 'snap', name: 'lxd', version: '24322' },
      { manager: 'dpkg', name: 'zlib1g', version: '1:1.2.11.dfsg-2ubuntu9.2', architecture: 'amd64' },
    ],
  },
  {
    file: 'ubuntu.diff.manifest',
    format: 'ubuntu-manifest',
    manager: 'dpkg',
    packages: [
      { name: 'adduser', version: '3.118ubuntu5' },
      { name: 'base-files', version: '12ubuntu1' },
      { name: 'zlib1g', version: '1:1.2.11.dfsg-2ubuntu7', architecture: 'amd64' },
    ],
  },
  { file: 'rpm-qa.txt', format: 'rpm-qa', manager: 'rpm', packages: rpm(false) },
  { file: 'rpm-qa.mkosi.txt', format: 'rpm-qa', manager: 'rpm', packages: rpm(true) },
  // SIZE has 32 bits: rpm prints (none) for what is larger, and that is unknown, not 0.
  { file: 'rpm-qa.columns.txt', format: 'rpm-qa', manager: 'rpm', packages: rpm(true).map(upTo32Bits) },
  { file: 'rpm-qa.sizes.txt', format: 'rpm-qa', manager: 'rpm', packages: rpm(true).map(upTo32Bits) },
  {
    file: 'dnf-list.txt',
    format: 'dnf-list',
    manager: 'rpm',
    packages: [
      { name: 'bash', version: '5.1.8-6.el9', architecture: 'x86_64', installedSize: null },
      { name: 'ca-certificates', version: '2023.2.60_v7.0.306-90.1.el9_2', architecture: 'noarch' },
      { name: 'python3-setuptools-wheel-with-a-long-name', version: '53.0.0-12.el9', architecture: 'noarch' },
      { name: 'gpg-pubkey', version: '8483c65d-5ccc5b19', architecture: null },
    ],
  },
  { file: 'apk-info.txt', format: 'apk-info', manager: 'apk', packages: apk(() => ({ version: '' })) },
  {
    file: 'apk-info.v.txt',
    format: 'apk-info',
    manager: 'apk',
    packages: apk(({ version }) => ({ version })),
  },
  {
    file: 'apk-info.vv.txt',
    format: 'apk-info',
    manager: 'apk',
    packages: apk(({ version }) => ({ version })),
  },
  {
    file: 'apk-info.s.txt',
    format: 'apk-info',
    manager: 'apk',
    // Rounded down to the unit, where apk changes units at 10,000.
    packages: apk(({ version, size }) => ({
      version,
      installedSize: size < 10000 ? size : Math.floor(size / 1024) * 1024,
    })),
  },
  {
    file: 'apk-list.txt',
    format: 'apk-list',
    manager: 'apk',
    packages: apk(({ version, architecture }) => ({ version, architecture })),
  },
  {
    file: 'pacman-q.txt',
    format: 'pacman-q',
    manager: 'pacman',
    packages: [
      { name: 'alpha', version: '2:1.0-3', installedSize: null },
      { name: 'beta', version: '1.1-1', installedSize: null },
    ],
  },
  {
    file: 'pacman-qi.txt',
    format: 'pacman-qi',
    manager: 'pacman',
    packages: [
      // 12345 bytes, printed as 12.06 KiB.
      { name: 'alpha', version: '2:1.0-3', architecture: 'any', installedSize: 12349, automatic: false },
      { name: 'beta', version: '1.1-1', installedSize: 0, automatic: true, requiredBy: ['alpha'] },
    ],
  },
  {
    file: 'debian-cloud.json',
    format: 'debian-cloud',
    manager: 'dpkg',
    packages: [
      { name: 'adduser', version: '3.134', installedSize: null },
      { name: 'libc6', version: '2.36-9+deb12u4', architecture: 'amd64' },
      { name: 'linux-image-cloud-amd64', version: '6.1.76-1' },
    ],
    os: { id: 'debian', versionId: '12', prettyName: null, architecture: 'x86_64' },
  },
  {
    file: 'mkosi.manifest',
    format: 'mkosi',
    packages: [
      {
        manager: 'rpm',
        name: 'bash',
        version: '5.2.26-1.fc39',
        architecture: 'x86_64',
        installedSize: 8172573,
      },
      { manager: 'rpm', name: 'filesystem', installedSize: 106 },
      { manager: 'rpm', name: 'gpg-pubkey', architecture: null, installedSize: 0 },
      { manager: 'dpkg', name: 'of-mkosi-14', architecture: 'amd64', installedSize: null },
    ],
    os: { id: 'fedora', versionId: '39', prettyName: null, architecture: 'x86_64' },
  },
  { file: 'npm.spdx.json', format: 'spdx', packages: npm(truth.sbom) },
  {
    file: 'spdx3.json',
    format: 'spdx',
    packages: [
      { manager: 'dpkg', name: 'bash', version: '5.2.15-2+b7', architecture: 'amd64', installedSize: null },
      { manager: 'npm', name: '@oclif/core', version: '5.1.9' },
      { manager: 'spdx', name: 'vendored-thing', version: '' },
    ],
    os: { id: 'debian', versionId: '12', prettyName: null, architecture: null },
  },
  { file: 'npm.cyclonedx.json', format: 'cyclonedx', packages: npm(truth.sbom) },
  {
    file: 'syft.cyclonedx.json',
    format: 'cyclonedx',
    packages: [
      ...SYFT,
      { manager: 'application', name: 'outer', version: '1', installedSize: null },
      { manager: 'library', name: 'org.example/inner', version: '2', installedSize: null },
    ],
    os: { id: 'debian', versionId: '11', prettyName: 'Debian GNU/Linux 11 (bullseye)', architecture: null },
  },
  {
    file: 'syft.json',
    format: 'syft',
    packages: [
      ...SYFT,
      { manager: 'python', name: 'requests', version: '2.31.0', installedSize: null },
      { manager: 'go', name: 'github.com/gorilla/mux', version: 'v1.8.0', installedSize: null },
    ],
    os: { id: 'debian', versionId: '11', prettyName: 'Debian GNU/Linux 11 (bullseye)', architecture: null },
  },
  { file: 'pip-list.txt', format: 'pip', manager: 'python', packages: PIP },
  { file: 'pip-list.json', format: 'pip', manager: 'python', packages: PIP },
  { file: 'pip-freeze.txt', format: 'pip', manager: 'python', packages: PIP },
  { file: 'npm-ls.json', format: 'npm', packages: npm(truth.npm) },
  { file: 'npm-ls.txt', format: 'npm', packages: npm(truth.npm) },
];

function upTo32Bits(one: Known): Known {
  return { ...one, installedSize: one.installedSize! < 2 ** 32 ? one.installedSize! : null };
}

const folder = temporaryFolder();

/** The file under a name that says something else. */
function written(bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(folder, 'm-')), 'disk.qcow2');
  writeFileSync(path, bytes);
  return path;
}

async function reportOf(bytes: Uint8Array): Promise<Report> {
  const manifest = await readManifest(written(bytes), '0.0.0');
  if (manifest === undefined || manifest.kind === 'packer') throw new Error('no package list');
  return manifest.report;
}

const sorted = (list: readonly { readonly name: string }[]): string[] => list.map((one) => one.name).sort();

describe.each(CASES.map((one) => [one.file, one] as const))(
  '%s',
  (file, { format, manager, packages, os }) => {
    const bytes = new Uint8Array(fixtureBytes(`manifests/${file}`));

    test('holds the packages that its tool knows, sizes unknown where it tells none', async () => {
      const report = await reportOf(bytes);
      expect(report.artifact.format).toBe(format);
      expect(sorted(report.packages)).toEqual(sorted(packages));
      const left = [...report.packages];
      for (const one of packages) {
        const at = left.findIndex(
          ({ name, version }) => name === one.name && (one.version === undefined || version === one.version),
        );
        expect(left[at], `${one.name} ${one.version}`).toMatchObject({
          ...(manager === undefined ? {} : { manager }),
          ...one,
        });
        left.splice(at, 1);
      }
      expect(report.os).toEqual(os ?? null);
    });

    test('is a report in which nothing was measured', async () => {
      const report = await reportOf(bytes);
      expect(reportSchema.parse(report)).toEqual(report);
      expect(report.artifact).toMatchObject({ fileSize: null, allocated: null, virtualSize: null });
      expect(Object.values(report.totals).every((value) => value === null)).toBe(true);
      for (const book of Object.values(report.books))
        expect(book).toEqual({ bytes: null, evidence: 'unknown' });
      for (const one of report.packages) expect([one.allocated, one.files]).toEqual([null, null]);
      const sizes = report.packages.map((one) => one.installedSize ?? -1);
      expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    });

    test('every format that needs no files can be made from it', async () => {
      const report = await reportOf(bytes);
      for (const name of REPORTER_NAMES) {
        const reporter = (await loadReporter(name))!;
        try {
          const text = rendered(reporter.render(report, plainOptions));
          expect(text, name).toContain(report.packages[0]!.name.slice(0, 12));
          expect(text, name).not.toMatch(/NaN|undefined/);
        } catch (error) {
          expect((error as ImgoptError).code, name).toBe('IMGOPT_REPORT_WITHOUT_FILES');
        }
      }
    });

    test('Windows writes it with its own line ends and in UTF-16 too', async () => {
      const { packages: plain } = await reportOf(bytes);
      const text = Buffer.from(bytes).toString();
      const crlf = Buffer.from(text.replaceAll('\n', '\r\n'));
      const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
      expect((await reportOf(crlf)).packages).toEqual(plain);
      expect((await reportOf(utf16)).packages).toEqual(plain);
    });

    test('damage is a report, an error of the artifact or no manifest, never a bug', async () => {
      const random = randomNumbers(20_261_125);
      for (let round = 0; round < 60; round++) {
        const path = written(mutated(bytes, random));
        try {
          const manifest = await readManifest(path, '0.0.0');
          if (manifest !== undefined && manifest.kind !== 'packer') reportSchema.parse(manifest.report);
        } catch (error) {
          expect(isArtifactError(error), String(error)).toBe(true);
        }
      }
    });
  },
);

describe('what is no list', () => {
  test.each([
    ['prose', 'The quick brown fox jumps over the lazy dog.\nAnd again.\n'],
    ['a table of numbers', '1 2 3\n4 5 6\n'],
    ['/etc/fstab', '/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 none swap sw 0 0\n'],
    ['a shell script', '#!/bin/sh\nset -e\napt-get update\n'],
    [
      'a VMDK descriptor',
      '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n',
    ],
    ['an index of a repository', 'Package: a\nVersion: 1\nFilename: pool/a.deb\n\n'],
    ['names that nobody vouches for', 'alpha\nbeta\ngamma\n'],
    ['names with numbers of no known unit', 'alpha 100\nbeta 2000\n'],
    ['package.json', '{"name": "x", "version": "1.0.0", "dependencies": {"zod": "4.6.7"}}'],
    ['JSON', '{"weather": "fine"}'],
    ['an empty list', '[]'],
    ['white space', ' \n\n\t\n'],
  ])('%s', async (_, text) => {
    expect(await readManifest(written(Buffer.from(text)), '0.0.0')).toBeUndefined();
  });

  test('a line that does not belong is told by its number', async () => {
    const text = `${fixtureBytes('manifests/dpkg-query.txt').toString()}Segmentation fault (core dumped)\n`;
    await expect(reportOf(Buffer.from(text))).rejects.toThrow(/^line 162 does not belong in the list: 'Segm/);
  });

  test('two columns that could be sizes are none', async () => {
    const report = await reportOf(Buffer.from('dpkg\t1.2\t5000\t7000\nlibc6\t2.3\t12000\t9000\n'));
    expect(report.packages.map((one) => one.installedSize)).toEqual([null, null]);
    expect(report.diagnostics).toMatchObject([
      { code: 'IMGOPT_MANIFEST_SIZE_AMBIGUOUS', severity: 'warning' },
    ]);
  });

  test('epochs and times are no sizes', async () => {
    const rows =
      'bash (none) 5.1.8 6.el9 x86_64 1700000000\nvim-minimal 2 8.2.2637 20.el9 x86_64 1700000001\n';
    const report = await reportOf(Buffer.from(rows));
    expect(report.packages.map(({ name, version, installedSize }) => [name, version, installedSize])).toEqual(
      [
        ['bash', '5.1.8-6.el9', null],
        ['vim-minimal', '8.2.2637-20.el9', null],
      ],
    );
  });

  test('a line without an end is refused, not searched', async () => {
    const text = `Package Version\n------- -------\n${'a'.repeat(200_000)}`;
    await expect(reportOf(Buffer.from(text))).rejects.toBeInstanceOf(ImgoptError);
  });
});
