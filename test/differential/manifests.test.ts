/** The lists of this machine's own package tools, against what they say by other means. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PackageSection } from '../../src/core/contracts/report.ts';
import { readManifest } from '../../src/manifests/read.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const folder = temporaryFolder();

async function packagesIn(text: string): Promise<readonly PackageSection[]> {
  const path = join(folder, 'list');
  writeFileSync(path, text);
  const manifest = await readManifest(path, '0.0.0');
  if (manifest?.kind !== 'manifest') throw new Error('no package list');
  return manifest.report.packages;
}

const rows = (list: readonly PackageSection[], row: (one: PackageSection) => unknown[]): string[] =>
  list.map((one) => row(one).join(' ')).sort();

describeWithTools(['dpkg-query', 'dpkg'], 'dpkg', () => {
  const truth = async (format: string): Promise<string[]> =>
    (await runTool('dpkg-query', ['-W', '-f', format]))
      .split('\n')
      .filter((line) => line !== '')
      .sort();

  test('-W as it is', async () => {
    const packages = await packagesIn(await runTool('dpkg-query', ['-W']));
    const wanted = await truth('${Package} ${Version}\n');
    expect(rows(packages, (one) => [one.name, one.version])).toEqual(wanted);
    expect(packages.every((one) => one.installedSize === null)).toBe(true);
  });

  test.each([
    '${Package}\t${source:Package}\t${Version}\t${Architecture}\t${Installed-Size}\t${db-fsys:Last-Modified}\n',
    '${Version}|${binary:Package}|${Installed-Size}|${Architecture}\n',
    '${Installed-Size;10} ${Architecture;-6} ${Package} ${Version}\n',
  ])('-W -f %j', async (format) => {
    const packages = await packagesIn(await runTool('dpkg-query', ['-W', '-f', format]));
    expect(
      rows(packages, (one) => [one.name, one.version, one.architecture, one.installedSize! / 1024]),
    ).toEqual(await truth('${Package} ${Version} ${Architecture} ${Installed-Size}\n'));
  });

  test('-l, whatever the width of the terminal', async () => {
    const wanted = await truth('${Package} ${Version} ${Architecture}\n');
    for (const COLUMNS of ['80', '200']) {
      const text = await runTool('env', [`COLUMNS=${COLUMNS}`, 'dpkg', '-l']);
      const packages = await packagesIn(text);
      expect(rows(packages, (one) => [one.name, one.version, one.architecture])).toEqual(wanted);
    }
  });

  test('-s, all of it', async () => {
    const names = await truth('${binary:Package}\n');
    const packages = await packagesIn(await runTool('dpkg-query', ['-s', ...names]));
    expect(rows(packages, (one) => [one.name, one.version, one.installedSize! / 1024])).toEqual(
      await truth('${Package} ${Version} ${Installed-Size}\n'),
    );
  });
});

describeWithTools(['apt', 'apt-mark', 'dpkg-query'], 'apt list --installed', () => {
  test('names what apt-mark calls automatic', async () => {
    const text = await runTool('apt', ['list', '--installed']);
    const packages = await packagesIn(text);
    const installed = packages.filter((one) => one.state === null);
    const wanted = (await runTool('dpkg-query', ['-W', '-f', '${Package} ${Version} ${db:Status-Status}\n']))
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.slice(0, -' installed'.length))
      .sort();
    expect(rows(installed, (one) => [one.name, one.version])).toEqual(wanted);
    const automatic = new Set(
      (await runTool('apt-mark', ['showauto'])).split('\n').map((name) => name.split(':')[0]!),
    );
    const told = installed.filter((one) => one.automatic !== null);
    expect(told.length).toBeGreaterThan(installed.length / 2);
    for (const one of told) expect([one.name, one.automatic]).toEqual([one.name, automatic.has(one.name)]);
  });
});
