import { describe, expect, it } from 'vitest';
import { gemPackages } from '../../src/packages/language/gem.ts';
import { npmPackages } from '../../src/packages/language/npm.ts';
import { softwarePlaces } from '../../src/packages/language/places.ts';
import { pythonPackages } from '../../src/packages/language/python.ts';
import { type GuestFiles, packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

const SITE = '/opt/app/venv/lib/python3.11/site-packages';
const DEBIAN = '/usr/lib/python3/dist-packages';
const PYTHON: GuestFiles = {
  // packaging.python.org, "Recording installed projects" and "Core metadata".
  [`${SITE}/My_Tool-1.2.dist-info/METADATA`]: [
    'Metadata-Version: 2.1',
    'Name: My_Tool',
    'Version: 1.2',
    'Requires-Dist: Some.Lib (>=1.0,<2)',
    'Requires-Dist: plain',
    'Requires-Dist: exact==3.1 ; python_version < "3.8"',
    "Requires-Dist: pytest ; extra == 'test'",
    'Requires-Dist: compatible~=1.4',
    '',
    'Requires-Dist: not-a-header',
    '',
  ].join('\n'),
  [`${SITE}/My_Tool-1.2.dist-info/RECORD`]: [
    'my_tool/__init__.py,sha256=abc,10',
    'my_tool/sub/mod.py,sha256=abc,20',
    '"my_tool/with, comma.py",sha256=abc,5',
    '../../../bin/my-tool,sha256=abc,100',
    '/etc/my-tool.conf,,7',
    'my_tool/gone.py,sha256=abc,1',
    'My_Tool-1.2.dist-info/RECORD,,',
    '',
  ].join('\r\n'),
  [`${SITE}/My_Tool-1.2.dist-info/REQUESTED`]: '',
  [`${SITE}/my_tool/__init__.py`]: 'x',
  [`${SITE}/my_tool/sub/mod.py`]: 'x',
  [`${SITE}/my_tool/sub/not-recorded`]: 'x',
  [`${SITE}/my_tool/with, comma.py`]: 'x',
  '/opt/app/venv/bin/my-tool': 'x',
  '/etc/my-tool.conf': 'x',
  [`${SITE}/plain-3.dist-info/METADATA`]: 'Name: plain\nVersion: 3\n',
  [`${SITE}/plain-3.dist-info/RECORD`]: 'plain.py,,1\n',
  [`${SITE}/plain.py`]: 'x',
  [`${DEBIAN}/old-0.9.egg-info/PKG-INFO`]: 'Name: old\nVersion: 0.9\n',
  [`${DEBIAN}/old-0.9.egg-info/top_level.txt`]: 'old\n../etc\n',
  [`${DEBIAN}/old/a.py`]: 'x',
  [`${DEBIAN}/single-1.egg-info`]: 'Name: single\nVersion: 1\n',
  [`${DEBIAN}/single.py`]: 'x',
};

packageDatabaseContract(pythonPackages, () => [
  {
    name: 'a virtual environment and the system',
    files: PYTHON,
    database: Object.keys(PYTHON).filter((path) => path.includes('-info')),
    mutations: 150,
  },
]);

describe('python', () => {
  it('reads metadata, and files from RECORD wherever they lie', async () => {
    const root = memoryRoot(PYTHON);
    const { packages } = await readPackages(pythonPackages, root);
    expect(
      packages.map((one) => [one.name, one.version, one.section, one.automatic, one.installedSize]),
    ).toEqual([
      ['My_Tool', '1.2', SITE, false, 143],
      ['old', '0.9', DEBIAN, null, null],
      ['plain', '3', SITE, true, 1],
      ['single', '1', DEBIAN, null, null],
    ]);
    const tool = packages[0]!;
    expect(entryPaths(root, tool.entries)).toEqual(
      [
        '/etc/my-tool.conf',
        '/opt/app/venv/bin/my-tool',
        `${SITE}/My_Tool-1.2.dist-info`,
        `${SITE}/My_Tool-1.2.dist-info/METADATA`,
        `${SITE}/My_Tool-1.2.dist-info/RECORD`,
        `${SITE}/My_Tool-1.2.dist-info/REQUESTED`,
        `${SITE}/my_tool`,
        `${SITE}/my_tool/__init__.py`,
        `${SITE}/my_tool/sub`,
        `${SITE}/my_tool/sub/mod.py`,
        `${SITE}/my_tool/with, comma.py`,
      ].sort(),
    );
    expect(tool.requires).toEqual([['some-lib'], ['plain'], ['compatible']]);
    expect(tool.provides).toEqual(['my-tool']);
    const any = { relation: null, version: null, architecture: null };
    expect(tool.dependencies!.requires).toEqual([
      [{ name: 'some-lib', relation: '>=', version: '1.0', architecture: null }],
      [{ name: 'some-lib', relation: '<', version: '2', architecture: null }],
      [{ name: 'plain', ...any }],
      [{ name: 'compatible', ...any }],
    ]);
    expect(tool.dependencies!.recommends).toEqual([
      [{ name: 'exact', relation: '=', version: '3.1', architecture: null }],
    ]);
  });

  it('takes the folders that a distribution names when it has no RECORD', async () => {
    const root = memoryRoot(PYTHON);
    const { packages } = await readPackages(pythonPackages, root);
    const old = packages.find((one) => one.name === 'old')!;
    expect(entryPaths(root, old.entries)).toContain(`${DEBIAN}/old/a.py`);
    const single = packages.find((one) => one.name === 'single')!;
    expect(entryPaths(root, single.entries)).toEqual([`${DEBIAN}/single-1.egg-info`, `${DEBIAN}/single.py`]);
  });
});

const pkg = (name: string, version: string, more: object = {}) => JSON.stringify({ name, version, ...more });
const APP = '/srv/app/node_modules';
const GLOBAL = '/usr/lib/node_modules';
const NODE: GuestFiles = {
  '/srv/app/package.json': pkg('app', '0.0.0', {
    dependencies: { express: '^4' },
    devDependencies: { '@x/y': '1' },
  }),
  [`${APP}/express/package.json`]: pkg('express', '4.18.2', {
    dependencies: { debug: '2', ms: '*' },
    optionalDependencies: { ms: '*' },
    peerDependencies: { peer: '*', maybe: '*' },
    peerDependenciesMeta: { maybe: { optional: true } },
  }),
  [`${APP}/express/lib/index.js`]: 'x',
  [`${APP}/express/node_modules/debug/package.json`]: pkg('debug', '2.6.9'),
  [`${APP}/express/node_modules/debug/lib/node_modules/inner.js`]: 'x',
  [`${APP}/debug/package.json`]: pkg('debug', '4.3.4'),
  [`${APP}/@x/y/package.json`]: pkg('@x/y', '1.0.0'),
  [`${APP}/no-package/readme`]: 'x',
  [`${APP}/.bin/express`]: { link: '../express/cli.js' },
  [`${APP}/.package-lock.json`]: '{}',
  '/srv/pnpm/node_modules/.pnpm/left@1.0.0/node_modules/left/package.json': pkg('left', '1.0.0'),
  '/srv/pnpm/node_modules/left': { link: '.pnpm/left@1.0.0/node_modules/left' },
  [`${GLOBAL}/npm/package.json`]: pkg('npm', '10.1.0'),
  [`${GLOBAL}/npm/node_modules/abbrev/package.json`]: pkg('abbrev', '2.0.0'),
};

packageDatabaseContract(npmPackages, () => [
  {
    name: 'a project, a store and global packages',
    files: NODE,
    database: Object.keys(NODE).filter((path) => path.endsWith('/package.json')),
    mutations: 100,
  },
]);

describe('npm', () => {
  it('finds packages in packages, in scopes and in the store of pnpm; what is asked for; what is needed', async () => {
    const root = memoryRoot(NODE);
    const { packages } = await readPackages(npmPackages, root);
    expect(packages.map((one) => [one.name, one.version, one.section, one.automatic])).toEqual([
      ['@x/y', '1.0.0', APP, false],
      ['abbrev', '2.0.0', `${GLOBAL}/npm/node_modules`, true],
      ['debug', '2.6.9', `${APP}/express/node_modules`, true],
      ['debug', '4.3.4', APP, true],
      ['express', '4.18.2', APP, false],
      ['left', '1.0.0', '/srv/pnpm/node_modules/.pnpm/left@1.0.0/node_modules', true],
      ['npm', '10.1.0', GLOBAL, false],
    ]);
    const express = packages[4]!;
    expect(express.requires).toEqual([['debug'], ['peer']]);
    expect(express.dependencies!.recommends.flat().map(({ name }) => name)).toEqual(['ms']);
    expect(entryPaths(root, express.entries)).toEqual([
      `${APP}/express`,
      `${APP}/express/lib`,
      `${APP}/express/lib/index.js`,
      `${APP}/express/node_modules`,
      `${APP}/express/package.json`,
    ]);
    expect(entryPaths(root, packages[2]!.entries)).toContain(
      `${APP}/express/node_modules/debug/lib/node_modules/inner.js`,
    );
  });

  it('reports a package.json that is none', async () => {
    const { codes } = await readPackages(npmPackages, memoryRoot({ [`${APP}/bad/package.json`]: '[1' }));
    expect(codes).toEqual(['IMGOPT_NPM_PACKAGE_JSON']);
  });
});

const GEMS = '/var/lib/gems/3.1.0';
// As Gem::Specification#to_ruby writes them.
const RACK = `# -*- encoding: utf-8 -*-
# stub: rack-test 2.1.0 ruby lib

Gem::Specification.new do |s|
  s.name = "rack-test".freeze
  s.version = "2.1.0"

  if s.respond_to? :specification_version then
    s.specification_version = 4
  end

  if s.respond_to? :add_runtime_dependency then
    s.add_runtime_dependency(%q<rack>.freeze, [">= 1.3", "< 4"])
    s.add_runtime_dependency(%q<any>.freeze, [">= 0"])
    s.add_development_dependency(%q<rake>.freeze, ["~> 12.0"])
  else
    s.add_dependency(%q<rack>.freeze, [">= 1.3"])
    s.add_dependency(%q<rake>.freeze, ["~> 12.0"])
  end
end
`;
const RUBY: GuestFiles = {
  [`${GEMS}/specifications/rack-test-2.1.0.gemspec`]: RACK,
  [`${GEMS}/gems/rack-test-2.1.0/lib/rack/test.rb`]: 'x',
  [`${GEMS}/cache/rack-test-2.1.0.gem`]: 'x',
  [`${GEMS}/doc/rack-test-2.1.0/ri/x.ri`]: 'x',
  [`${GEMS}/extensions/x86_64-linux/3.1.0/nokogiri-1.15.0-x86_64-linux/gem.build_complete`]: '',
  [`${GEMS}/specifications/nokogiri-1.15.0-x86_64-linux.gemspec`]: '# no stub\n',
  [`${GEMS}/gems/nokogiri-1.15.0-x86_64-linux/lib/nokogiri.rb`]: 'x',
  [`${GEMS}/specifications/default/json-2.6.1.gemspec`]: '# stub: json 2.6.1 ruby lib\n',
};

packageDatabaseContract(gemPackages, () => [
  {
    name: 'a gem home',
    files: RUBY,
    database: Object.keys(RUBY).filter((path) => path.endsWith('.gemspec')),
  },
]);

describe('gem', () => {
  it('reads specifications without running them', async () => {
    const root = memoryRoot(RUBY);
    const { packages } = await readPackages(gemPackages, root);
    expect(packages.map((one) => [one.name, one.version, one.architecture, one.essential])).toEqual([
      ['json', '2.6.1', null, true],
      ['nokogiri', '1.15.0', 'x86_64-linux', false],
      ['rack-test', '2.1.0', null, false],
    ]);
    const rack = packages[2]!;
    expect(rack.requires).toEqual([['rack'], ['any']]);
    expect(rack.dependencies!.requires.flat()).toEqual([
      { name: 'rack', relation: '>=', version: '1.3', architecture: null },
      { name: 'rack', relation: '<', version: '4', architecture: null },
      { name: 'any', relation: null, version: null, architecture: null },
    ]);
    expect(entryPaths(root, rack.entries)).toEqual(
      [
        `${GEMS}/cache/rack-test-2.1.0.gem`,
        `${GEMS}/doc/rack-test-2.1.0`,
        `${GEMS}/doc/rack-test-2.1.0/ri`,
        `${GEMS}/doc/rack-test-2.1.0/ri/x.ri`,
        `${GEMS}/gems/rack-test-2.1.0`,
        `${GEMS}/gems/rack-test-2.1.0/lib`,
        `${GEMS}/gems/rack-test-2.1.0/lib/rack`,
        `${GEMS}/gems/rack-test-2.1.0/lib/rack/test.rb`,
        `${GEMS}/specifications/rack-test-2.1.0.gemspec`,
      ].sort(),
    );
  });
});

describe('places', () => {
  it('are found once each, through links and deep in applications, not in caches or under /proc', () => {
    const root = memoryRoot({
      '/lib': { link: 'usr/lib' },
      '/usr/lib/python3/dist-packages/x': 'x',
      '/usr/lib64': { link: 'lib' },
      '/home/me/.pyenv/versions/3.12.1/lib/python3.12/site-packages/x': 'x',
      '/home/me/.cache/node_modules/x': 'x',
      '/home/me/loop': { link: '/home/me' },
      '/proc/1/root/node_modules/x': 'x',
      '/app/node_modules/a/node_modules/b/x': 'x',
      '/var/www/site/node_modules/x': 'x',
    });
    expect(softwarePlaces(root)).toEqual({
      python: [
        '/home/me/.pyenv/versions/3.12.1/lib/python3.12/site-packages',
        '/usr/lib/python3/dist-packages',
      ],
      node: ['/app/node_modules', '/var/www/site/node_modules'],
      gems: [],
      isComplete: true,
    });
  });
});
