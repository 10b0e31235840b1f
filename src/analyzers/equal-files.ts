/**
 * Which files have the same content. Files of one size are read side by side, a piece of each at a time, and part
 * ways at the first piece that differs: most that merely have the same size are told apart by their beginnings and
 * read no further. Comparing memory is many times faster than any hash, so equal files cost what reading them costs.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isArtifactError } from '../core/errors.ts';
import { MAX_COMPARED_FILES } from '../core/limits.ts';

/** A first look, before anything large is read. */
const FIRST_BYTES = 64 * 1024;
/** A piece of one file, where few are compared … */
const PIECE_BYTES = 1024 * 1024;
/** … and what the pieces of all of them take together at most. */
const ALL_PIECES_BYTES = 64 * 1024 * 1024;
/** Groups at once: keeps the disk busy while another group is compared. */
const GROUPS_AT_ONCE = 4;

interface Member {
  readonly entry: number;
  readonly source: BlockSource;
  readonly buffer: Buffer;
}

/**
 * @param groups entries of files of one size each
 * @returns groups of two and more with equal content, in the order of their first entries; files that cannot be read
 *   are in none
 */
export async function equalFiles(
  inspection: Inspection,
  groups: readonly (readonly number[])[],
): Promise<number[][]> {
  const results: number[][][] = new Array(groups.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < groups.length) {
      const index = next++;
      results[index] = await equalIn(inspection, groups[index]!.slice(0, MAX_COMPARED_FILES));
    }
  };
  await Promise.all(Array.from({ length: Math.min(GROUPS_AT_ONCE, groups.length) }, worker));
  return results.flat();
}

async function equalIn(
  { table, filesystems, filesystemOf }: Inspection,
  group: number[],
): Promise<number[][]> {
  const sorted = group.sort((a, b) => table.inode[a]! - table.inode[b]!);
  const length = Math.max(FIRST_BYTES, Math.min(PIECE_BYTES, Math.floor(ALL_PIECES_BYTES / sorted.length)));
  const members: Member[] = [];
  for (const entry of sorted) {
    const source = await orNothing(async () =>
      filesystems[filesystemOf(entry)]?.filesystem?.open(table.inode[entry]!),
    );
    if (source !== undefined)
      members.push({ entry, source, buffer: Buffer.allocUnsafe(Math.min(length, source.size)) });
  }
  const size = members[0]?.source.size ?? 0;
  let classes: Member[][] = [members];
  for (let at = 0; at < size && classes.length > 0; ) {
    const end = Math.min(size, at === 0 ? FIRST_BYTES : at + length);
    const parted: Member[][] = [];
    for (const one of classes) parted.push(...(await part(one, at, end - at)));
    classes = parted.filter((one) => one.length > 1);
    at = end;
  }
  return classes.map((one) => one.map(({ entry }) => entry));
}

/** The members by what the next piece holds. */
async function part(members: readonly Member[], at: number, length: number): Promise<Member[][]> {
  const read = await Promise.all(
    members.map(async ({ source, buffer }) =>
      orNothing(async () => {
        await source.read(buffer.subarray(0, length), at);
        return true;
      }),
    ),
  );
  const parts: Member[][] = [];
  members.forEach((member, index) => {
    if (read[index] === undefined) return;
    const equal = parts.find(([first]) => first!.buffer.compare(member.buffer, 0, length, 0, length) === 0);
    if (equal === undefined) parts.push([member]);
    else equal.push(member);
  });
  return parts;
}

/** What the image withholds was reported by the scan; such a file is no duplicate. */
async function orNothing<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    return undefined;
  }
}
