import { expect, it } from 'vitest';
import { NO_OPTIONS, prepareRules } from '../../src/analyzers/suggest.ts';
import { whatIf } from '../../src/analyzers/what-if.ts';
import { blocks, guest } from './rules/support.ts';

const inspection = guest(
  {
    '/usr/bin/tool': 20_000,
    '/usr/lib/libtool.so': 90_000,
    '/usr/bin/front': 5000,
    '/usr/bin/init': 5000,
    '/srv/data/a': 70_000,
    '/srv/data/b': 30_000,
    '/var/log/syslog': 9000,
  },
  [
    { name: 'front', requires: ['tool'], paths: ['/usr/bin/front'] },
    { name: 'tool', requires: ['libtool'], paths: ['/usr/bin/tool'] },
    { name: 'libtool', automatic: true, paths: ['/usr/lib/libtool.so'] },
    { name: 'init', essential: true, requires: ['libc'], paths: ['/usr/bin/init'] },
    { name: 'libc', paths: [] },
  ],
);
const ask = async (...asked: string[]) =>
  (await whatIf(await prepareRules(inspection, NO_OPTIONS), asked)).map(({ suggestion }) => suggestion);

it('takes along what requires a package, and what only those kept', async () => {
  const [found] = await ask('tool');
  expect(found!.packages).toEqual(['front', 'tool', 'libtool']);
  expect(found!.reclaimable).toBe(blocks(20_000, 90_000, 5000));
});

it('takes rules, packages and paths together, no byte twice', async () => {
  const found = await ask('logs', '/srv/data', '/srv/data/a', 'front');
  expect(found.reduce((sum, one) => sum + one.reclaimable, 0)).toBe(
    blocks(9000, 70_000, 30_000, 5000) + 4096,
  );
});

it('refuses what the machine needs and what is not there', async () => {
  await expect(ask('libc')).rejects.toThrow('libc cannot go: the machine needs init, libc');
  await expect(ask('nothing')).rejects.toThrow('no rule, no installed package');
  await expect(ask('/nowhere')).rejects.toThrow('there is no /nowhere');
});

it('refuses everything, and the kernel that starts the machine with whatever holds it', async () => {
  await expect(ask('/')).rejects.toThrow('/ is all there is');
  const machine = guest({
    '/boot/vmlinuz-6.1.0-18-amd64': 8_000_001,
    '/boot/initrd.img-6.1.0-18-amd64': 34_000_001,
    '/boot/memtest86.bin': 150_000,
    '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko': 90_001,
    '/lib': { link: 'usr/lib' },
  });
  const run = await prepareRules(machine, NO_OPTIONS);
  for (const path of ['/boot', '/boot/', '/boot/initrd.img-6.1.0-18-amd64', '/usr/lib/modules']) {
    await expect(whatIf(run, [path]), path).rejects.toThrow('holds the kernel that starts the machine');
  }
  const [found] = await whatIf(run, ['/boot/memtest86.bin']);
  expect(found!.suggestion.commands).toEqual(['rm -rf /boot/memtest86.bin']);
});
