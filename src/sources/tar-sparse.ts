/**
 * Sparse members of tar: which stretches of the file are stored. GNU tar has written four formats of it (its manual,
 * "Storing Sparse Files"): the old one in the header and the blocks behind it, and three of pax: 0.0 and 0.1 with
 * the map in the pax header, 1.0 with the map at the beginning of the content.
 */
import { corrupt } from '../core/errors.ts';
import { MAX_TAR_SPARSE_RUNS } from '../core/limits.ts';
import { GNU_SPARSE, parseNumber, TAR_BLOCK } from './tar-layout.ts';

/** `start` in the file. */
export interface SparseRun {
  readonly start: number;
  readonly length: number;
}

export interface SparseMap {
  readonly runs: readonly SparseRun[];
  /** Apparent size of the file. */
  readonly size: number;
  /** Where in the archive the stored bytes begin. */
  readonly contentAt: number;
}

/** Checks that runs ascend inside the file; empty ones (they mark the end) go. */
class RunList {
  readonly runs: SparseRun[] = [];
  private end = 0;
  private count = 0;

  add(start: number, length: number): void {
    if (++this.count > MAX_TAR_SPARSE_RUNS)
      throw corrupt('TAR_SPARSE', `its map has more than ${MAX_TAR_SPARSE_RUNS} stretches`);
    if (!(start >= this.end && length >= 0))
      throw corrupt('TAR_SPARSE', 'the stretches of its map overlap or go backwards');
    this.end = start + length;
    if (length > 0) this.runs.push({ start, length });
  }

  finish(size: number, contentAt: number): SparseMap {
    if (!Number.isSafeInteger(size) || this.end > size)
      throw corrupt('TAR_SPARSE', `its map reaches to ${this.end}, behind its end (${size})`);
    return { runs: this.runs, size, contentAt };
  }
}

/**
 * The old format.
 * @param block the member's header
 * @param read a block at a position
 * @param at where the blocks behind the header begin
 */
export async function oldSparseRuns(
  block: Uint8Array,
  read: (position: number) => Promise<Uint8Array>,
  at: number,
): Promise<SparseMap> {
  const list = new RunList();
  const take = (bytes: Uint8Array, from: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      const entry = from + i * GNU_SPARSE.runBytes;
      if (bytes[entry] === 0) return;
      list.add(
        parseNumber(bytes.subarray(entry, entry + 12), 'sparse offset'),
        parseNumber(bytes.subarray(entry + 12, entry + 24), 'sparse length'),
      );
    }
  };
  take(block, GNU_SPARSE.headerAt, GNU_SPARSE.headerRuns);
  let contentAt = at;
  for (let more = block[GNU_SPARSE.isExtendedAt] !== 0; more; ) {
    const next = await read(contentAt);
    if (next.length < TAR_BLOCK) throw corrupt('TAR_TRUNCATED', 'the archive ends inside its sparse map');
    take(next, 0, GNU_SPARSE.blockRuns);
    // A block without a stretch would let a chain go on for nothing.
    if (next[0] === 0) break;
    contentAt += TAR_BLOCK;
    more = next[GNU_SPARSE.blockIsExtendedAt] !== 0;
  }
  const size = parseNumber(block.subarray(GNU_SPARSE.realSizeAt, GNU_SPARSE.realSizeAt + 12), 'real size');
  return list.finish(size, contentAt);
}

/** The formats of pax; undefined when the member is not sparse. */
export async function paxSparse(
  pax: ReadonlyMap<string, string>,
  read: (position: number, length: number) => Promise<Uint8Array>,
  at: number,
  stored: number,
): Promise<SparseMap | undefined> {
  const list = new RunList();
  if (pax.get('GNU.sparse.major') === '1' && pax.get('GNU.sparse.minor') === '0') {
    const contentAt = await mapInContent(list, read, at, stored);
    return list.finish(decimal(pax.get('GNU.sparse.realsize')), contentAt);
  }
  const size = pax.get('GNU.sparse.size');
  if (size === undefined) return undefined;
  const joined = pax.get('GNU.sparse.map');
  if (joined !== undefined) {
    const numbers = joined.split(',').map(decimal);
    for (let i = 0; i + 1 < numbers.length; i += 2) list.add(numbers[i]!, numbers[i + 1]!);
  } else {
    const lengths = (pax.get('GNU.sparse.numbytes') ?? '').split(',');
    const starts = (pax.get('GNU.sparse.offset') ?? '').split(',');
    if (starts.length !== lengths.length) throw corrupt('TAR_SPARSE', 'its map is incomplete');
    for (const [i, start] of starts.entries())
      if (start !== '') list.add(decimal(start), decimal(lengths[i]));
  }
  return list.finish(decimal(size), at);
}

function decimal(text: string | undefined): number {
  if (text === undefined || !/^\d{1,16}$/.test(text))
    throw corrupt('TAR_SPARSE', 'its sparse map is no list of numbers');
  return Number(text);
}

/** Format 1.0: a count, then pairs, one number a line, padded to a block. Returns where the data begins. */
async function mapInContent(
  list: RunList,
  read: (position: number, length: number) => Promise<Uint8Array>,
  at: number,
  stored: number,
): Promise<number> {
  let text = '';
  let blocks = 0;
  const nextLine = async (): Promise<number> => {
    let end = text.indexOf('\n');
    while (end < 0) {
      if ((blocks + 1) * TAR_BLOCK > stored || text.length > 32)
        throw corrupt('TAR_SPARSE', 'its sparse map does not end');
      text += Buffer.from(await read(at + blocks++ * TAR_BLOCK, TAR_BLOCK)).toString('latin1');
      end = text.indexOf('\n');
    }
    const number = decimal(text.slice(0, end));
    text = text.slice(end + 1);
    return number;
  };
  const count = await nextLine();
  if (count > MAX_TAR_SPARSE_RUNS)
    throw corrupt('TAR_SPARSE', `its map has more than ${MAX_TAR_SPARSE_RUNS} stretches`);
  for (let i = 0; i < count; i++) {
    const start = await nextLine();
    list.add(start, await nextLine());
  }
  return at + blocks * TAR_BLOCK;
}
