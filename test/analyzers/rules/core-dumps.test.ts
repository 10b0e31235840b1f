import { expect, it } from 'vitest';
import { coreDumps } from '../../../src/analyzers/rules/core-dumps.ts';
import { describeWithTools } from '../../support/tools.ts';
import { suggestionsOnDisk } from './content.ts';
import { blocks, suggestions } from './support.ts';

it('finds dumps of systemd, apport and kdump', async () => {
  const [found, ...more] = await suggestions(coreDumps, {
    '/var/lib/systemd/coredump/core.x.0.zst': 5000000,
    '/var/crash/_usr_bin_x.0.crash': 900000,
    '/var/crash/202301010101/vmcore': 70000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000000, 900000, 70000000) + 1 * 4096);
});

it('leaves settings alone', async () => {
  expect(
    await suggestions(coreDumps, {
      '/etc/systemd/coredump.conf': 500,
      '/var/crash': null,
    }),
  ).toEqual([]);
});

describeWithTools(['mke2fs'], 'core files', () => {
  it('are found by what they are, not by their name alone', async () => {
    // The head of an ELF file of type ET_CORE (4): System V ABI, ELF header.
    const core = Buffer.alloc(300_000, 'x');
    core.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0], 0);
    core.writeUInt16LE(4, 16);
    const program = Buffer.from(core);
    program.writeUInt16LE(2, 16);
    const [found, ...more] = await suggestionsOnDisk(coreDumps, {
      'root/core.1234': core,
      'home/admin/core': core,
      'opt/app/core': program,
      'srv/app/core': Buffer.from('a list of the core team\n'),
    });
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      paths: ['/home/admin/core', '/root/core.1234'],
      reclaimable: blocks(300_000, 300_000),
      commands: ['rm -f /home/admin/core /root/core.1234'],
    });
  });
});
