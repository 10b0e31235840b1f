/**
 * VDI, VirtualBox's disk format: a header, a map of 32-bit block numbers, the blocks.
 *
 * Read are version 1.1 images that stand alone, dynamic or static. An image with a parent needs VirtualBox's
 * registry to find it, since VDI names a parent by its UUID and nothing else: refused by name.
 */
import type { Disk, ImageContext, ImageFormat, Probe, ProbeInput } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_READ_BYTES, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { type RecordOf, viewOf } from '../../../core/record.ts';
import { decodeField, escapeName, formatGuid, hex } from '../../../core/text.ts';
import { BLOCK_HOLE, BLOCK_ZEROS, blockMapSource, blocksOverlap } from '../../../sources/block-map.ts';
import { readBytes } from '../../../sources/read.ts';
import { BLOCK_FREE, BLOCK_ZERO, Header, IMAGE_TYPE, SECTOR, SIGNATURE, VERSION_1_1 } from './layout.ts';

type RawHeader = RecordOf<typeof Header.fields>;

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';
/** VirtualBox makes 1 MiB; it opens what is a power of two and holds whole pages. */
const SMALLEST_BLOCK = 4096;
const LARGEST_BLOCK = 256 * 1024 * 1024;
const TYPE_NAMES: Record<number, string> = {
  [IMAGE_TYPE.undo]: 'undo images',
  [IMAGE_TYPE.differencing]: 'differencing images',
};

export const vdiFormat: ImageFormat = {
  name: 'vdi',
  probe: probeVdi,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  open: (file, context) => locate('vdi', () => openVdi(file, context)),
};

function probeVdi({ head }: ProbeInput): Probe | undefined {
  const { fields } = Header;
  if (head.length < fields.u32Version.offset + 4) return undefined;
  const view = viewOf(head);
  if (view.getUint32(fields.u32Signature.offset, true) === SIGNATURE) {
    const version = view.getUint32(fields.u32Version.offset, true);
    return { certainty: 'certain', description: `VDI version ${version >>> 16}.${version & 0xffff}` };
  }
  const text = Buffer.from(head.buffer, head.byteOffset, 64).toString('latin1');
  if (view.getUint32(fields.u32Version.offset, true) === VERSION_1_1 && /^<<< .*Disk Image >>>/.test(text)) {
    return { certainty: 'resembles', description: 'VDI with a damaged signature' };
  }
  return undefined;
}

async function openVdi(file: BlockSource, context: ImageContext): Promise<Disk> {
  const header = await readHeader(file);
  const { cBlocks: blockCount, cbBlock: blockBytes, cbDisk: size } = header;
  const map = new Uint8Array(blockCount * 4);
  for (let at = 0; at < map.length; at += MAX_READ_BYTES) {
    await file.read(map.subarray(at, Math.min(map.length, at + MAX_READ_BYTES)), header.offBlocks + at);
  }
  const entries = viewOf(map);
  const used = Math.ceil(size / blockBytes);
  checkMap(header, entries, used, file, context);
  const { offData } = header;
  const source = blockMapSource(
    {
      name: 'vdi',
      size,
      blockBytes,
      place(block) {
        const entry = entries.getUint32(block * 4, true);
        if (entry === BLOCK_FREE) return BLOCK_HOLE;
        return entry === BLOCK_ZERO ? BLOCK_ZEROS : offData + entry * blockBytes;
      },
      outside: (block, place) =>
        corrupt(
          'VDI_BLOCK_OUT_OF_FILE',
          `block ${block} at ${hex(place)} does not lie inside the file (${hex(file.size)})`,
          { advice: COPY_AGAIN },
        ),
    },
    file,
  );
  const isStatic = header.u32Type === IMAGE_TYPE.static;
  return {
    format: 'vdi',
    details: {
      subformat: isStatic ? 'static' : 'dynamic',
      version: '1.1',
      blockSize: blockBytes,
      blocks: blockCount,
      blocksAllocated: header.cBlocksAllocated,
      uuid: formatGuid(header.uuidCreate),
      modificationUuid: formatGuid(header.uuidModify),
      comment: escapeName(decodeField(header.szComment)) || null,
    },
    source,
    files: [{ ...context.file, role: 'image', format: 'vdi' }],
    // Where a static image is sparse on the host, Node cannot tell.
    mapIsExact: !isStatic || context.file.allocated >= context.file.fileSize,
    snapshotBytes: 0,
    close: () => file.close(),
  };
}

async function readHeader(file: BlockSource): Promise<RawHeader> {
  const head = await readBytes(file, 0, Math.min(file.size, SECTOR));
  if (head.length < Header.size) {
    throw corrupt('VDI_TRUNCATED', `ends after ${head.length} bytes, inside its header`, {
      advice: COPY_AGAIN,
    });
  }
  const header = Header.read(head);
  if (header.u32Signature !== SIGNATURE) {
    throw corrupt('VDI_SIGNATURE', 'does not have the signature of a VDI', { advice: COPY_AGAIN });
  }
  if (header.u32Version !== VERSION_1_1) {
    const version = `${header.u32Version >>> 16}.${header.u32Version & 0xffff}`;
    throw unsupported('VDI_VERSION', `VDI version ${version} is not supported`, {
      advice: "convert it with 'VBoxManage clonemedium'",
    });
  }
  const { u32Type: type } = header;
  const hasParent = [header.uuidLinkage, header.uuidParentModify].some((uuid) =>
    uuid.some((byte) => byte !== 0),
  );
  if (type === IMAGE_TYPE.undo || type === IMAGE_TYPE.differencing || hasParent) {
    throw unsupported(
      'VDI_DIFFERENCING',
      `${TYPE_NAMES[type] ?? 'images with a parent'} of VirtualBox are not supported`,
      { advice: "merge it with its parent: 'VBoxManage clonemedium'" },
    );
  }
  if (type !== IMAGE_TYPE.dynamic && type !== IMAGE_TYPE.static) {
    throw unsupported('VDI_TYPE', `VDI images of type ${type} are not supported`);
  }
  if (header.cbBlockExtra !== 0) {
    throw unsupported('VDI_BLOCK_EXTRA', `${header.cbBlockExtra} extra bytes per block are not supported`);
  }
  checkGeometry(header, file);
  return header;
}

function checkGeometry(header: RawHeader, file: BlockSource): void {
  const { cbBlock, cBlocks, cbDisk, offBlocks, offData } = header;
  const wrong = (what: string): Error => corrupt('VDI_HEADER', what, { advice: COPY_AGAIN });
  if (cbBlock < SMALLEST_BLOCK || cbBlock > LARGEST_BLOCK || !Number.isInteger(Math.log2(cbBlock))) {
    throw wrong(`blocks of ${cbBlock} bytes are not possible`);
  }
  if (cbDisk === 0 || cbDisk > MAX_VIRTUAL_SIZE) throw wrong(`a disk of ${cbDisk} bytes is not possible`);
  if (cBlocks * cbBlock < cbDisk) {
    throw wrong(`${cBlocks} blocks of ${cbBlock} bytes do not hold a disk of ${cbDisk} bytes`);
  }
  if (cBlocks * 4 > MAX_POINTER_TABLE_BYTES) throw wrong(`a map of ${cBlocks} blocks is too large`);
  if (offBlocks < Header.size || offBlocks + cBlocks * 4 > file.size) {
    throw corrupt(
      'VDI_MAP_OUT_OF_FILE',
      `the block map at ${hex(offBlocks)} does not lie inside the file (${hex(file.size)})`,
      { advice: COPY_AGAIN },
    );
  }
  if (offData < offBlocks + cBlocks * 4) {
    throw wrong(`the data at ${hex(offData)} begin inside the block map at ${hex(offBlocks)}`);
  }
}

/** No two blocks in one place, and the count of the header. */
function checkMap(
  header: RawHeader,
  entries: DataView,
  used: number,
  file: BlockSource,
  context: ImageContext,
): void {
  const { cbBlock, cBlocksAllocated, offData } = header;
  const places = new Float64Array(used);
  let count = 0;
  let outside = 0;
  for (let block = 0; block < used; block++) {
    const entry = entries.getUint32(block * 4, true);
    if (entry === BLOCK_FREE || entry === BLOCK_ZERO) continue;
    const place = offData + entry * cbBlock;
    if (place >= file.size) outside++;
    places[count++] = place;
  }
  if (blocksOverlap(places.subarray(0, count), cbBlock)) {
    throw corrupt('VDI_BLOCKS_OVERLAP', 'the block map gives one place to two blocks', {
      advice: COPY_AGAIN,
    });
  }
  if (outside > 0) {
    context.report(
      'error',
      'VDI_BLOCK_OUT_OF_FILE',
      `${outside} of ${count} blocks lie past the end of the file (${hex(file.size)}): it is truncated`,
    );
  }
  if (count > cBlocksAllocated) {
    context.report(
      'warning',
      'VDI_BLOCKS_ALLOCATED',
      `the header counts ${cBlocksAllocated} blocks, the block map ${count}: it was not closed properly`,
    );
  }
}
