/** pacman's database against pacman: packages that it installs into a folder. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { pacmanPackages } from '../../src/packages/pacman/pacman.ts';
import { readPackages } from '../contract/packages.ts';
import { entryPaths, folderRoot } from '../support/folder-root.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const ALPHA = `pkgname = alpha
pkgbase = alphabase
pkgver = 2:1.0-3
pkgdesc = A thing
builddate = 1700000000
size = 12345
arch = any
group = grp
conflict = evil<2
provides = virt=5
provides = libx.so=1-64
depend = beta>=1.0
depend = libc.so
optdepend = gamma: for more
backup = etc/alpha.conf
`;
const BETA = 'pkgname = beta\npkgver = 1.1-1\nsize = 0\narch = x86_64\nbuilddate = 1700000000\n';

describeWithTools(['pacman'], 'a root that pacman installed', () => {
  const folder = temporaryFolder();
  const target = join(folder, 'root');
  const database = join(target, 'var/lib/pacman');
  const config = join(folder, 'pacman.conf');
  const pacman = (...args: string[]) =>
    runTool('pacman', ['--config', config, '--root', target, '--dbpath', database, '--noconfirm', ...args]);

  beforeAll(async () => {
    mkdirSync(database, { recursive: true });
    writeFileSync(config, '[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n');
    const build = async (name: string, info: string, fill: (home: string) => void, content: string[]) => {
      const home = join(folder, name);
      mkdirSync(home);
      writeFileSync(join(home, '.PKGINFO'), info);
      fill(home);
      const path = join(folder, `${name}.pkg.tar`);
      await runTool('tar', ['-C', home, '--owner=0', '--group=0', '-cf', path, '.PKGINFO', ...content]);
      return path;
    };
    const fill = (home: string) => {
      mkdirSync(join(home, 'usr/share/alpha'), { recursive: true });
      mkdirSync(join(home, 'etc'));
      writeFileSync(join(home, 'usr/share/alpha/data'), 'data\n');
      writeFileSync(join(home, 'etc/alpha.conf'), 'conf\n');
      symlinkSync('data', join(home, 'usr/share/alpha/link'));
    };
    const beta = await build('beta', BETA, () => {}, []);
    const alpha = await build('alpha', ALPHA, fill, ['etc', 'usr']);
    await pacman('-U', '--asdeps', beta);
    await pacman('-U', '-dd', alpha);
  });

  it('gives the same packages, reasons, dependencies and files', async () => {
    const root = folderRoot(target);
    const { packages, codes } = await readPackages(pacmanPackages, root);
    expect(codes).toEqual([]);
    const lines = (text: string) => text.split('\n').filter((line) => line !== '');
    expect(packages.map((one) => `${one.name} ${one.version}`)).toEqual(lines(await pacman('-Q')));
    const named = (automatic: boolean) =>
      packages.filter((one) => one.automatic === automatic).map((one) => `${one.name} ${one.version}`);
    expect(named(false)).toEqual(lines(await pacman('-Qe')));
    expect(named(true)).toEqual(lines(await pacman('-Qd')));
    for (const one of packages) {
      const info = new Map(
        lines(await pacman('-Qi', one.name)).map((line) => {
          const at = line.indexOf(' : ');
          return [line.slice(0, at).trim(), line.slice(at + 3)] as const;
        }),
      );
      const words = (list: readonly { name: string; relation: string | null; version: string | null }[]) =>
        list.map(({ name, relation, version }) => `${name}${relation ?? ''}${version ?? ''}`).join('  ') ||
        'None';
      expect(info.get('Architecture')).toBe(one.architecture);
      expect(info.get('Depends On')).toBe(words(one.dependencies!.requires.flat()));
      expect(info.get('Provides')).toBe(words(one.dependencies!.provides));
      expect(info.get('Conflicts With')).toBe(words(one.dependencies!.conflicts));
      expect(Date.parse(`${info.get('Install Date')} UTC`) / 1000).toBe(one.installTime);
      expect(info.get('Installed Size')).toBe(one.installedSize === 0 ? '0.00 B' : '12.06 KiB');
      const files = lines(await pacman('-Qlq', one.name)).map((path) =>
        path.slice(target.length).replace(/\/$/, ''),
      );
      expect(entryPaths(root, one.entries)).toEqual(files.sort());
    }
    expect(packages.map((one) => one.installedSize)).toEqual([12345, 0]);
  });
});
