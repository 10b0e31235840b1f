/** Helpers for tests of volume systems that put members together. */
import { createHash } from 'node:crypto';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { GroupVolume, VolumeGroup, VolumeGroupSystem } from '../../src/core/contracts/disk.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { gptVolumes } from '../../src/disk/volumes/gpt/gpt.ts';
import { mbrVolumes } from '../../src/disk/volumes/mbr/mbr.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { readProbe } from '../../src/sources/read.ts';
import { contentOf } from './volumes.ts';

export interface Assembled {
  readonly groups: readonly VolumeGroup[];
  /** `severity CODE at place`, with places such as `2 > lvm2` and `lvm2 > vg > root`. */
  readonly said: readonly string[];
  volume(name: string): GroupVolume;
}

/** Lets a system put together those of the sources that it claims. */
export async function assemble(
  system: VolumeGroupSystem,
  sources: readonly BlockSource[],
): Promise<Assembled> {
  const log = new DiagnosticLog();
  const context = new RunContext({ log });
  const members = [];
  for (const [index, source] of sources.entries()) {
    if (system.probe(await readProbe(source))?.certainty !== 'certain') continue;
    members.push({ source, context: context.at(String(index + 1)).at(system.name) });
  }
  const groups = await system.assemble(members, context.at(system.name));
  return {
    groups,
    said: log.list().map(({ severity, code, where }) => `${severity} ${code.slice(7)} at ${where}`),
    volume(name) {
      const found = groups.flatMap(({ volumes }) => volumes).find((one) => one.name === name);
      if (found === undefined) throw new Error(`no volume ${name}`);
      return found;
    },
  };
}

/** The partitions of a disk, or the disk itself when it has none. */
export async function partitionsOf(disk: Uint8Array): Promise<BlockSource[]> {
  const source = memorySource(disk);
  const probe = await readProbe(source);
  const table = [gptVolumes, mbrVolumes].find((one) => one.probe(probe)?.certainty === 'certain');
  if (table === undefined) return [source];
  const layout = await table.open(source, new RunContext({ log: new DiagnosticLog() }));
  return layout.volumes.map((volume) => volume.source);
}

export async function hashOfSource(source: BlockSource): Promise<string> {
  return createHash('sha256')
    .update(await contentOf(source))
    .digest('hex');
}
