/**
 * Parallels' expanding disks: a header, a table (BAT) with a place for every cluster, the clusters. The format extension
 * holds bitmaps of what changed since a backup; the content does not depend on it, so it is not read.
 *
 * Parallels keeps such files in a folder (`name.hdd/`) beside a description that says how they follow each other as
 * snapshots. An image of its own does not know whether it is one of several.
 */
import type { Disk, ImageContext, ImageFormat, Probe, ProbeInput } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_READ_BYTES, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { type RecordOf, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { BLOCK_HOLE, blockMapSource, blocksOverlap } from '../../../sources/block-map.ts';
import { readBytes } from '../../../sources/read.ts';
import { HEADER_BYTES, Header, IN_USE, MAGIC_CLUSTERS, MAGIC_SECTORS, SECTOR, VERSION } from './layout.ts';

type RawHeader = RecordOf<typeof Header.fields>;

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';
/** Parallels and qemu make 1 MiB, old versions less than one track; qemu opens up to 2 GiB. */
const LARGEST_CLUSTER = 1024 * 1024 * 1024;

export const parallelsFormat: ImageFormat = {
  name: 'parallels',
  probe: probeParallels,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  open: (file, context) => locate('parallels', () => openParallels(file, context)),
};

function probeParallels({ head }: ProbeInput): Probe | undefined {
  if (head.length < HEADER_BYTES) return undefined;
  const magic = Buffer.from(head.buffer, head.byteOffset, 16).toString('latin1');
  if (magic !== MAGIC_SECTORS && magic !== MAGIC_CLUSTERS) return undefined;
  const version = viewOf(head).getUint32(Header.fields.version.offset, true);
  return { certainty: 'certain', description: `Parallels image version ${version}` };
}

async function openParallels(file: BlockSource, context: ImageContext): Promise<Disk> {
  const header = await readHeader(file);
  const { nb_bat_entries: entries } = header;
  const clusterBytes = header.tracks * SECTOR;
  const sectors = header.magic === MAGIC_SECTORS ? header.nb_sectors % 2 ** 32 : header.nb_sectors;
  const size = sectors * SECTOR;
  const table = await readTable(file, entries);
  const unit = header.magic === MAGIC_SECTORS ? SECTOR : clusterBytes;
  checkTable(table, { clusterBytes, unit, size }, file, context);
  if (header.in_use === IN_USE) {
    context.report(
      'warning',
      'PARALLELS_IN_USE',
      "was not closed properly: the guest's last writes may be missing; 'qemu-img check -r all' repairs it",
    );
  }
  const source = blockMapSource(
    {
      name: 'parallels',
      size,
      blockBytes: clusterBytes,
      place(cluster) {
        // A disk may be larger than its table: the rest was never written.
        const entry = cluster < entries ? table.getUint32(cluster * 4, true) : 0;
        return entry === 0 ? BLOCK_HOLE : entry * unit;
      },
      outside: (cluster, place) =>
        corrupt(
          'PARALLELS_CLUSTER_OUT_OF_FILE',
          `cluster ${cluster} at ${hex(place)} does not lie inside the file (${hex(file.size)})`,
          { advice: COPY_AGAIN },
        ),
    },
    file,
  );
  return {
    format: 'parallels',
    details: {
      version: header.version,
      blockSize: clusterBytes,
      diskGeometry: { cylinders: header.cylinders, heads: header.heads, sectors: header.tracks },
      dirty: header.in_use === IN_USE,
      hasExtension: header.ext_off !== 0,
    },
    source,
    files: [{ ...context.file, role: 'image', format: 'parallels' }],
    mapIsExact: true,
    snapshotBytes: 0,
    close: () => file.close(),
  };
}

async function readHeader(file: BlockSource): Promise<RawHeader> {
  if (file.size < HEADER_BYTES) {
    throw corrupt('PARALLELS_TRUNCATED', `ends after ${file.size} bytes, inside its header`, {
      advice: COPY_AGAIN,
    });
  }
  const header = Header.read(await readBytes(file, 0, HEADER_BYTES));
  const wrong = (what: string): Error => corrupt('PARALLELS_HEADER', what, { advice: COPY_AGAIN });
  if (header.magic !== MAGIC_SECTORS && header.magic !== MAGIC_CLUSTERS)
    throw wrong('does not have the magic of a Parallels image');
  if (header.version !== VERSION) {
    throw unsupported('PARALLELS_VERSION', `Parallels images of version ${header.version} are not read`, {
      advice: "convert it with 'prl_disk_tool' or an old qemu-img",
    });
  }
  const { tracks, nb_bat_entries: entries, nb_sectors: sectors } = header;
  if (tracks === 0 || tracks * SECTOR > LARGEST_CLUSTER)
    throw wrong(`clusters of ${tracks} sectors are not possible`);
  if (entries * 4 > MAX_POINTER_TABLE_BYTES) throw wrong(`a table of ${entries} clusters is too large`);
  if (sectors === 0 || sectors * SECTOR > MAX_VIRTUAL_SIZE)
    throw wrong(`a disk of ${sectors} sectors is not possible`);
  if (HEADER_BYTES + entries * 4 > file.size) {
    const message = `the table of ${entries} clusters does not lie inside the file (${hex(file.size)})`;
    throw corrupt('PARALLELS_TABLE_OUT_OF_FILE', message, { advice: COPY_AGAIN });
  }
  return header;
}

async function readTable(file: BlockSource, entries: number): Promise<DataView> {
  const table = new Uint8Array(entries * 4);
  for (let at = 0; at < table.length; at += MAX_READ_BYTES)
    await file.read(table.subarray(at, Math.min(table.length, at + MAX_READ_BYTES)), HEADER_BYTES + at);
  return viewOf(table);
}

/** No two clusters in one place and none in the table; those past the end of the file are reported. */
function checkTable(
  table: DataView,
  { clusterBytes, unit, size }: { clusterBytes: number; unit: number; size: number },
  file: BlockSource,
  context: ImageContext,
): void {
  const entries = table.byteLength / 4;
  const places = new Float64Array(Math.min(entries, Math.ceil(size / clusterBytes)));
  let count = 0;
  let outside = 0;
  for (let cluster = 0; cluster < places.length; cluster++) {
    const entry = table.getUint32(cluster * 4, true);
    if (entry === 0) continue;
    const place = entry * unit;
    if (place < HEADER_BYTES + entries * 4) {
      throw corrupt(
        'PARALLELS_CLUSTER_IN_TABLE',
        `cluster ${cluster} at ${hex(place)} lies inside the table`,
        {
          advice: COPY_AGAIN,
        },
      );
    }
    if (place >= file.size) outside++;
    places[count++] = place;
  }
  if (blocksOverlap(places.subarray(0, count), clusterBytes)) {
    throw corrupt('PARALLELS_CLUSTERS_OVERLAP', 'the table gives one place to two clusters', {
      advice: COPY_AGAIN,
    });
  }
  if (outside > 0) {
    context.report(
      'error',
      'PARALLELS_CLUSTER_OUT_OF_FILE',
      `${outside} of ${count} clusters lie past the end of the file (${hex(file.size)}): it is truncated`,
    );
  }
}
