import { expect, it } from 'vitest';
import { unneededPackages } from '../../../src/analyzers/rules/unneeded-packages.ts';
import { blocks, suggestions } from './support.ts';

const tree = {
  '/usr/bin/tool': 20_000,
  '/usr/lib/libused.so.1': 90_000,
  '/usr/lib/liborphan.so.1': 70_000,
  '/usr/lib/libdeep.so.1': 50_000,
  '/usr/share/doc/liborphan/copyright': 1000,
  '/var/lib/dpkg/info/liborphan.list': 200,
  '/var/lib/dpkg/info/liborphan:amd64.md5sums': 100,
};
const tool = { name: 'tool', requires: ['libused (>= 1)'], paths: ['/usr/bin/tool'] };
const used = { name: 'libused', automatic: true, paths: ['/usr/lib/libused.so.1'] };
const orphan = {
  name: 'liborphan',
  automatic: true,
  requires: ['libdeep'],
  paths: [
    '/usr/lib',
    '/usr/lib/liborphan.so.1',
    '/usr/share/doc/liborphan',
    '/usr/share/doc/liborphan/copyright',
  ],
};
const deep = { name: 'libdeep', automatic: true, paths: ['/usr/lib/libdeep.so.1'] };

it('finds what nothing needs, with what only that needed, its emptied directory and its records', async () => {
  const [found, ...more] = await suggestions(unneededPackages, tree, [tool, used, orphan, deep]);
  expect(more).toEqual([]);
  expect(found!.packages).toEqual(['liborphan', 'libdeep']);
  expect(found!.reclaimable).toBe(blocks(70_000, 50_000, 1000, 200, 100) + 4096);
  expect(found!.commands).toEqual(['apt-get -y purge libdeep:amd64 liborphan:amd64']);
});

it('leaves what is wanted, required, recommended or essential', async () => {
  expect(
    await suggestions(unneededPackages, tree, [
      { ...tool, recommends: ['liborphan'] },
      used,
      orphan,
      { ...deep, essential: true },
    ]),
  ).toEqual([]);
});

it('says nothing where reasons of installation are not recorded', async () => {
  expect(await suggestions(unneededPackages, tree, [tool, used, { ...orphan, automatic: false }])).toEqual(
    [],
  );
});
