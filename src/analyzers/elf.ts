/**
 * What of an ELF file only debuggers read, by its section headers. Spec: System V ABI, chapter 4 (elf.h's names);
 * which sections go is what `strip` documents: debugging sections and the symbol table with its strings.
 */
import type { BlockSource } from '../core/contracts/source.ts';

/** More sections than any linker writes into a program; each costs 64 bytes of reading. */
const MAX_SECTIONS = 4096;
/** Names of sections: a few KiB. */
const MAX_NAMES_BYTES = 1024 * 1024;

const ET_EXEC = 2;
const ET_DYN = 3;
const ET_CORE = 4;
const SHT_NOBITS = 8;
const STRIPPED = /^\.z?debug_|^\.(?:symtab|strtab|symtab_shndx|gdb_index|stab|stabstr)$/;

export interface ElfFile {
  readonly kind: 'program' | 'core' | 'other';
  /** Bytes of the sections that `strip` drops; 0 for what is stripped already or must not be. */
  readonly strippable: number;
}

/** Undefined for what is no ELF file, or is none that makes sense. */
export async function readElf(source: BlockSource): Promise<ElfFile | undefined> {
  if (source.size < 64) return undefined;
  const head = Buffer.alloc(64);
  await source.read(head, 0);
  const is64 = head[4] === 2;
  const isLittle = head[5] === 1;
  if (head.readUInt32BE(0) !== 0x7f454c46 || (!is64 && head[4] !== 1) || (!isLittle && head[5] !== 2)) {
    return undefined;
  }
  const u16 = (from: Buffer, at: number): number =>
    isLittle ? from.readUInt16LE(at) : from.readUInt16BE(at);
  const u32 = (from: Buffer, at: number): number =>
    isLittle ? from.readUInt32LE(at) : from.readUInt32BE(at);
  // A file of 2^53 bytes is none; what is larger fails the bounds below.
  const word = (from: Buffer, at: number): number =>
    is64 ? Number(isLittle ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at)) : u32(from, at);
  const type = u16(head, 16);
  const kind = type === ET_CORE ? 'core' : type === ET_EXEC || type === ET_DYN ? 'program' : 'other';
  const headers = word(head, is64 ? 40 : 32);
  const entrySize = u16(head, is64 ? 58 : 46);
  const count = u16(head, is64 ? 60 : 48);
  const namesAt = u16(head, is64 ? 62 : 50);
  const least = is64 ? 64 : 40;
  if (kind !== 'program' || count === 0 || count > MAX_SECTIONS || namesAt >= count)
    return { kind, strippable: 0 };
  if (entrySize < least || headers + count * entrySize > source.size) return { kind, strippable: 0 };
  const table = Buffer.alloc(count * entrySize);
  await source.read(table, headers);
  const section = (index: number): { name: number; type: number; offset: number; size: number } => {
    const at = index * entrySize;
    return {
      name: u32(table, at),
      type: u32(table, at + 4),
      offset: word(table, at + (is64 ? 24 : 16)),
      size: word(table, at + (is64 ? 32 : 20)),
    };
  };
  const strings = section(namesAt);
  if (strings.size > MAX_NAMES_BYTES || strings.offset + strings.size > source.size)
    return { kind, strippable: 0 };
  const names = Buffer.alloc(strings.size);
  await source.read(names, strings.offset);
  let strippable = 0;
  let last = headers + count * entrySize;
  for (let index = 1; index < count; index++) {
    const { name, type: sectionType, offset, size } = section(index);
    if (sectionType === SHT_NOBITS) continue;
    last = Math.max(last, offset + size);
    if (offset + size > source.size || name >= names.length) continue;
    const end = names.indexOf(0, name);
    if (STRIPPED.test(names.toString('latin1', name, end < 0 ? names.length : end))) strippable += size;
  }
  // What follows the last section is a program's own archive (PyInstaller, AppImage), which strip cuts off.
  return { kind, strippable: last < source.size ? 0 : Math.min(strippable, source.size) };
}
