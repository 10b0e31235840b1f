import { expect, it } from 'vitest';
import { toolchain } from '../../../src/analyzers/rules/toolchain.ts';
import { blocks, suggestions } from './support.ts';

it('finds the compiler with the library that only it needs', async () => {
  const [found, ...more] = await suggestions(
    toolchain,
    {
      '/usr/bin/gcc-12': 1000000,
      '/usr/lib/gcc/cc1': 32000000,
      '/usr/lib/libcc1.so.0': 90000,
      '/usr/share/doc/build-essential/x': 300,
      '/usr/bin/make': 200000,
      '/opt/app/run': 100,
    },
    [
      { name: 'build-essential', requires: ['gcc-12', 'make'], paths: ['/usr/share/doc/build-essential/x'] },
      { name: 'gcc-12', automatic: true, requires: ['cpp-12', 'libcc1-0'], paths: ['/usr/bin/gcc-12'] },
      { name: 'cpp-12', automatic: true, paths: ['/usr/lib/gcc', '/usr/lib/gcc/cc1'] },
      { name: 'libcc1-0', automatic: true, paths: ['/usr/lib/libcc1.so.0'] },
      { name: 'make', automatic: true, paths: ['/usr/bin/make'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(1000000, 32000000, 90000, 300, 200000) + 1 * 4096);
  expect(found!.packages).toEqual(['build-essential', 'gcc-12', 'cpp-12', 'libcc1-0', 'make']);
});

it('keeps what an application requires, and everything where modules are rebuilt', async () => {
  expect(
    await suggestions(
      toolchain,
      {
        '/usr/bin/gcc-12': 1000000,
        '/usr/lib/gcc/cc1': 32000000,
        '/usr/lib/libcc1.so.0': 90000,
        '/usr/share/doc/build-essential/x': 300,
        '/usr/bin/make': 200000,
        '/opt/app/run': 100,
      },
      [
        {
          name: 'build-essential',
          requires: ['gcc-12', 'make'],
          paths: ['/usr/share/doc/build-essential/x'],
        },
        { name: 'gcc-12', automatic: true, requires: ['cpp-12', 'libcc1-0'], paths: ['/usr/bin/gcc-12'] },
        { name: 'cpp-12', automatic: true, paths: ['/usr/lib/gcc', '/usr/lib/gcc/cc1'] },
        { name: 'libcc1-0', automatic: true, paths: ['/usr/lib/libcc1.so.0'] },
        { name: 'make', automatic: true, paths: ['/usr/bin/make'] },
        { name: 'app', requires: ['gcc-12 | c-compiler', 'make'], paths: ['/opt/app/run'] },
        { name: 'zfs-dkms', paths: [] },
      ],
    ),
  ).toEqual([]);
});

it('keeps a compiler that something else requires, and removes the rest', async () => {
  const app = { name: 'app', requires: ['make'], paths: ['/opt/app/run'] };
  const make = { name: 'make', automatic: true, paths: ['/usr/bin/make'] };
  const gcc = { name: 'gcc-12', paths: ['/usr/bin/gcc-12'] };
  const tree = { '/opt/app/run': 100, '/usr/bin/make': 200_000, '/usr/bin/gcc-12': 1_000_000 };
  const [found] = await suggestions(toolchain, tree, [app, make, gcc]);
  expect(found!.packages).toEqual(['gcc-12']);
});
