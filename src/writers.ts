/** The built-in writers. Apart from the registry, because they bring the compressors along, and reading needs none. */
import type { ImageWriter } from './core/contracts/writer.ts';
import { qcow2Writer } from './disk/formats/qcow2/writer.ts';
import { rawWriter } from './disk/formats/raw/writer.ts';
import { vdiWriter } from './disk/formats/vdi/writer.ts';
import { vhdWriter } from './disk/formats/vhd/writer.ts';
import { vmdkWriter } from './disk/formats/vmdk/writer.ts';

export const BUILT_IN_WRITERS: readonly ImageWriter[] = [
  qcow2Writer,
  rawWriter,
  vmdkWriter,
  vhdWriter,
  vdiWriter,
];
