/** Packages of languages against pip, npm and gem. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { gemPackages } from '../../src/packages/language/gem.ts';
import { npmPackages } from '../../src/packages/language/npm.ts';
import { pythonPackages } from '../../src/packages/language/python.ts';
import { readPackages } from '../contract/packages.ts';
import { entryPaths, folderRoot } from '../support/folder-root.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

describeWithTools(['python3'], 'a virtual environment', () => {
  const folder = temporaryFolder();
  const python = join(folder, 'venv/bin/python');

  it('has what pip lists, with the files that importlib.metadata finds', async () => {
    await runTool('python3', ['-m', 'venv', '--copies', join(folder, 'venv')]);
    const listed = JSON.parse(await runTool(python, ['-m', 'pip', 'list', '--format=json'])) as {
      name: string;
      version: string;
    }[];
    const root = folderRoot(folder, '/opt');
    const { packages, codes } = await readPackages(pythonPackages, root);
    expect(codes).toEqual([]);
    expect(packages.map(({ name, version }) => ({ name, version }))).toEqual(
      listed.map(({ name, version }) => ({ name, version })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    expect(packages.length).toBeGreaterThan(0);
    for (const one of packages) {
      const script = `
import importlib.metadata, json, os
print(json.dumps([os.path.normpath(str(f.locate())) for f in importlib.metadata.files('${one.name}')]))`;
      const files = (JSON.parse(await runTool(python, ['-c', script])) as string[]).map((path) =>
        path.slice(path.indexOf(folder) + folder.length),
      );
      const ours = new Set(entryPaths(root, one.entries).map((path) => path.slice('/opt'.length)));
      expect(files.filter((path) => root.lookup(`/opt${path}`) >= 0 && !ours.has(path))).toEqual([]);
      // Beside its files a distribution owns the folders that hold them.
      const extra = [...ours].filter((path) => !files.includes(path));
      expect(extra.filter((path) => !root.isDirectory(root.lookup(`/opt${path}`)))).toEqual([]);
    }
  });
});

describeWithTools(['npm'], "this project's own node_modules", () => {
  const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

  it('has what npm lists', async () => {
    const text = await runTool('npm', ['ls', '--all', '--parseable', '--long'], { cwd: project });
    // path:name@version, or path:name@version:path of what a workspace links to.
    const listed = text
      .split('\n')
      .filter((line) => line.includes('/node_modules/') && !line.includes(' UNDEFINED'))
      .map((line) => line.split(':'))
      // A workspace lies where the link points, which is not below node_modules.
      .filter(([, , linked]) => !linked?.startsWith('/') || linked.includes('/node_modules/'))
      .map(([, name]) => name!);
    const root = folderRoot(join(project, 'node_modules'), '/srv/app/node_modules');
    const { packages } = await readPackages(npmPackages, root);
    const ours = new Set(packages.map((one) => `${one.name}@${one.version}`));
    expect(listed.length).toBeGreaterThan(100);
    expect(listed.filter((name) => !ours.has(name))).toEqual([]);
    expect([...ours].filter((name) => !listed.includes(name))).toEqual([]);
  });
});

describeWithTools(['gem', 'ruby'], 'a gem home', () => {
  const folder = temporaryFolder();
  const home = join(folder, 'lib/ruby/gems/3.1.0');

  beforeAll(async () => {
    const gem = async (name: string, version: string, more: string) => {
      const source = join(folder, `source-${name}`);
      mkdirSync(join(source, 'lib'), { recursive: true });
      writeFileSync(join(source, 'lib', `${name}.rb`), '# code\n');
      writeFileSync(
        join(source, 'it.gemspec'),
        `Gem::Specification.new do |s|
  s.name = '${name}'
  s.version = '${version}'
  s.summary = 's'
  s.authors = ['a']
  s.files = ['lib/${name}.rb']
  ${more}
end
`,
      );
      await runTool('gem', ['build', 'it.gemspec'], { cwd: source });
      const file = join(source, `${name}-${version}.gem`);
      await runTool('gem', ['install', '--local', '--force', '--no-document', '--install-dir', home, file]);
    };
    await gem(
      'alpha-tool',
      '1.2.3',
      "s.add_dependency 'beta', '>= 1', '< 3'\n  s.add_development_dependency 'rake'",
    );
    await gem('beta', '2.0.0.pre1', '');
  });

  it('has what gem lists, with their files and dependencies', async () => {
    // Debian's RubyGems adds the gems of its own packages to every list: those lie elsewhere.
    const script = `
Gem.paths = { 'GEM_HOME' => '${home}', 'GEM_PATH' => '${home}' }
ours = Gem::Specification.each.select { |s| s.base_dir == '${home}' }
puts ours.map { |s|
  files = Dir.chdir(s.full_gem_path) { Dir.glob('**/*').reject { |f| File.directory?(f) }.sort }
  ([s.name, s.version] + s.runtime_dependencies.map { |d| d.name } + files).join(' ')
}.sort`;
    const listed = (await runTool('ruby', ['-e', script])).trim().split('\n');
    const root = folderRoot(join(folder, 'lib'), '/usr/local/lib');
    const { packages } = await readPackages(gemPackages, root);
    const ours = packages.map((one) => {
      const prefix = `/usr/local/lib/ruby/gems/3.1.0/gems/${one.name}-${one.version}/`;
      const files = entryPaths(root, one.entries).filter(
        (path) => path.startsWith(prefix) && !root.isDirectory(root.lookup(path)),
      );
      return [
        one.name,
        one.version,
        ...one.requires.flat(),
        ...files.map((path) => path.slice(prefix.length)),
      ].join(' ');
    });
    expect(ours).toEqual(listed);
  });
});
