import { expect, it } from 'vitest';
import { swapContents } from '../../../src/analyzers/rules/swap-contents.ts';
import type { InspectedFilesystem } from '../../../src/core/contracts/inspection.ts';
import { disk, MiB } from './disk.ts';
import { suggestions } from './support.ts';

const UUID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const swap = (start: number, size: number, uuid: string | null = UUID): InspectedFilesystem =>
  ({
    index: 0,
    section: null,
    usage: 'swap',
    type: 'swap',
    uuid,
    start,
    size,
    toDisk: (range: { start: number; end: number }) => [
      { start: start + range.start, end: start + range.end },
    ],
  }) as unknown as InspectedFilesystem;

it('counts what the image stores of a swap partition, without its header', async () => {
  const inspection = { ...disk('qcow2', { data: 100 * MiB }), filesystems: [swap(60 * MiB, 512 * MiB)] };
  const [found, ...more] = await suggestions(swapContents, {}, [], { inspection });
  expect(more).toEqual([]);
  expect(found).toMatchObject({
    reclaimable: 40 * MiB - 4096,
    safety: 'safe',
    paths: [`swap of 512 MiB, UUID ${UUID}`],
  });
  expect(found!.commands[0]).toContain(`mkswap -U ${UUID} "$1"`);
});

it('says nothing of empty swap, and quotes no hostile UUID', async () => {
  const empty = { ...disk('qcow2', { data: 60 * MiB }), filesystems: [swap(60 * MiB, 512 * MiB)] };
  expect(await suggestions(swapContents, {}, [], { inspection: empty })).toEqual([]);
  const hostile = {
    ...disk('qcow2', { data: 100 * MiB }),
    filesystems: [swap(60 * MiB, 512 * MiB, '$(reboot)')],
  };
  const [found] = await suggestions(swapContents, {}, [], { inspection: hostile });
  expect(found).toMatchObject({ commands: [], paths: ['swap of 512 MiB'] });
});
