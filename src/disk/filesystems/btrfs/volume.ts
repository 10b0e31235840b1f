/** What every part of the driver works on. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ChunkMap } from './chunks.ts';
import type { Device } from './devices.ts';
import type { Superblock } from './superblock.ts';

export interface Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly superblock: Superblock;
  readonly devices: ReadonlyMap<number, Device>;
  readonly chunks: ChunkMap;
}

/** Where a tree begins. */
export interface TreeRoot {
  /** Number of the tree. */
  readonly tree: number;
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
}
