/**
 * Joins names with files to the entries of the table. A name counts where its directory is in use and is still the one
 * that it names (sequence number). What is below $Extend belongs to the filesystem and not to the guest: it gets no
 * entry, like the other system files, and its clusters are structure.
 */
import type { Context } from '../../../core/contracts/context.ts';
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder, type FileType } from '../../../core/file-table.ts';
import { type FileColumns, type NameColumns, STATE } from './columns.ts';
import { FILE, FIRST_FREE_RECORD, FIRST_USER_RECORD } from './layout.ts';
import { typeOfTag } from './reparse.ts';

/**
 * Adds all entries, the root first, and marks the slots of system files.
 * @returns what makes the runs untrustworthy, if anything
 * @throws `corrupt` when there is no root directory
 */
export function buildTree(
  context: Context,
  builder: FileTableBuilder,
  files: FileColumns,
  names: NameColumns,
): ImgoptError | undefined {
  const root = files.slotOf(FILE.root);
  if (root < 0 || (files.state[root]! & STATE.directory) === 0)
    throw corrupt('NTFS_ROOT', `record ${FILE.root} is no directory in use: there is no root to start from`, {
      advice: 'run chkdsk on the volume, or build the image again',
    });
  return new TreeBuilder(context, builder, files, names, root).run();
}

const NONE = -1;

/** NTFS says what is read-only; whether a file is a program its name tells, as in Windows. */
function modeOf(state: number): number {
  const mode = state & STATE.directory ? 0o755 : 0o644;
  return state & STATE.readOnly ? mode & 0o555 : mode;
}

class TreeBuilder {
  private readonly context: Context;
  private readonly builder: FileTableBuilder;
  private readonly files: FileColumns;
  private readonly names: NameColumns;
  private readonly root: number;
  /** By name: the slot of its directory, or NONE. */
  private readonly parents: Int32Array;
  /** By slot: its first name, or NONE. */
  private readonly firstName: Int32Array;
  /** By slot: its first entry in the table, or NONE. */
  private readonly entries: Int32Array;

  constructor(
    context: Context,
    builder: FileTableBuilder,
    files: FileColumns,
    names: NameColumns,
    root: number,
  ) {
    this.context = context;
    this.builder = builder;
    this.files = files;
    this.names = names;
    this.root = root;
    this.parents = new Int32Array(names.count).fill(NONE);
    this.firstName = new Int32Array(files.count).fill(NONE);
    this.entries = new Int32Array(files.count).fill(NONE);
  }

  run(): ImgoptError | undefined {
    const { builder, names } = this;
    let problem = this.resolveParents();
    this.markSystem();
    builder.reserve(names.count + 1);
    builder.add(NONE, new Uint8Array(0));
    this.setEntry(builder.count - 1, this.root, 0);
    this.entries[this.root] = builder.count - 1;
    const first = builder.count;
    const added: number[] = [];
    for (let name = 0; name < names.count; name++) if (this.addName(name)) added.push(name);
    for (const [i, name] of added.entries()) {
      const parent = this.parents[name]!;
      if (parent !== NONE) builder.setParent(first + i, this.entries[parent]!);
    }
    this.checkLinks();
    if (problem === undefined && this.hasCircle())
      problem = corrupt('NTFS_DIRECTORY_CIRCLE', 'directories lead in a circle');
    return problem;
  }

  private resolveParents(): ImgoptError | undefined {
    const { files, names, parents, firstName, context } = this;
    let lost = 0;
    let problem: ImgoptError | undefined;
    for (let name = 0; name < names.count; name++) {
      const slot = names.slot[name]!;
      const record = files.record[slot]!;
      const parent = files.slotOf(names.parent[name]!);
      const isThere =
        parent >= 0 &&
        files.sequence[parent] === names.parentSequence[name] &&
        (files.state[parent]! & STATE.directory) !== 0;
      if (isThere) parents[name] = parent;
      else if (record >= FIRST_USER_RECORD) {
        lost++;
        problem ??= corrupt('NTFS_PARENT', `the directory of record ${record} is not there`);
      }
      if (firstName[slot] === NONE) firstName[slot] = name;
    }
    if (lost > 0) {
      const message = `${lost} names are in directories that are not there or not the same any more; run chkdsk`;
      context.report('error', 'NTFS_PARENT', message);
    }
    return problem;
  }

  /** System files, and everything that hangs below $Extend. */
  private markSystem(): void {
    const { files, names, parents, firstName, root } = this;
    // 0 not seen, 1 the guest's, 2 the system's; what is on the current chain counts as the guest's.
    const belongs = new Uint8Array(files.count);
    for (let slot = 0; slot < files.count; slot++)
      if (files.record[slot]! < FIRST_USER_RECORD && slot !== root) belongs[slot] = 2;
    const chain: number[] = [];
    for (let start = 0; start < files.count; start++) {
      let at = start;
      while (at !== NONE && belongs[at] === 0) {
        belongs[at] = 1;
        chain.push(at);
        const name = firstName[at]!;
        at = at === root || name === NONE ? NONE : parents[name]!;
      }
      if (at !== NONE && belongs[at] === 2) for (const slot of chain) belongs[slot] = 2;
      chain.length = 0;
    }
    // Another name outside makes it the guest's after all.
    for (let name = 0; name < names.count; name++) {
      const slot = names.slot[name]!;
      const parent = parents[name]!;
      if (files.record[slot]! >= FIRST_USER_RECORD && parent !== NONE && belongs[parent] === 1)
        belongs[slot] = 1;
    }
    for (let slot = 0; slot < files.count; slot++)
      if (belongs[slot] === 2) files.state[slot]! |= STATE.system;
  }

  private addName(name: number): boolean {
    const { files, names, builder, context } = this;
    const slot = names.slot[name]!;
    const parent = this.parents[name]!;
    if (slot === this.root || files.state[slot]! & STATE.system) return false;
    if (parent !== NONE && files.state[parent]! & STATE.system) return false;
    const entry = builder.add(NONE, names.bytes, names.startOf(name), names.end[name]);
    const isFirst = this.entries[slot] === NONE;
    if (isFirst) this.entries[slot] = entry;
    else if (files.state[slot]! & STATE.directory) {
      const place = context.at(`record ${files.record[slot]}`);
      place.report('error', 'NTFS_DIRECTORY_TWO_PARENTS', 'the directory has more than one name');
    }
    this.setEntry(entry, slot, isFirst ? 0 : FILE_FLAG.secondaryLink);
    return true;
  }

  private setEntry(entry: number, slot: number, linkFlag: number): void {
    const { files, builder } = this;
    const state = files.state[slot]!;
    const plain: FileType = state & STATE.directory ? FILE_TYPE.directory : FILE_TYPE.file;
    let flags = linkFlag;
    if (state & STATE.damaged) flags |= FILE_FLAG.damaged;
    if (state & STATE.compressed) flags |= FILE_FLAG.compressed;
    if (state & STATE.encrypted) flags |= FILE_FLAG.encrypted;
    builder.set(
      entry,
      typeOfTag(files.tag[slot]!) ?? plain,
      modeOf(state),
      0,
      0,
      Math.max(1, files.longNames[slot]!),
      files.size[slot]!,
      files.allocated[slot]!,
      files.record[slot]!,
      files.modified[slot]!,
      flags,
    );
  }

  /** Every file has a name, and as many as it counts. */
  private checkLinks(): void {
    const { files, context } = this;
    let unattached = 0;
    for (let slot = 0; slot < files.count; slot++) {
      const record = files.record[slot]!;
      if (record < FIRST_FREE_RECORD || files.state[slot]! & STATE.damaged) continue;
      if (files.longNames[slot] === 0) unattached++;
      else if (files.links[slot] !== files.namesSeen[slot]) {
        const message = `counts ${files.links[slot]} names, ${files.namesSeen[slot]} are there`;
        context.at(`record ${record}`).report('warning', 'NTFS_LINK_COUNT', message);
      }
    }
    if (unattached > 0) {
      const message = `${unattached} file records in use have no name; run chkdsk`;
      context.report('warning', 'NTFS_UNATTACHED', message);
    }
  }

  /** Directories that do not lead to the root: the table cuts them off, here they are told. */
  private hasCircle(): boolean {
    const { files, firstName, parents, root, context } = this;
    const state = new Uint8Array(files.count); // 0 not seen, 1 on the current chain, 2 ends, 3 in a circle
    const chain: number[] = [];
    let found = false;
    for (let start = 0; start < files.count; start++) {
      let at = start;
      while (at !== NONE && state[at] === 0) {
        state[at] = 1;
        chain.push(at);
        const name = firstName[at]!;
        at = at === root || name === NONE ? NONE : parents[name]!;
      }
      const isCircle = at !== NONE && (state[at] === 1 || state[at] === 3);
      if (isCircle && chain.length > 0) {
        found = true;
        const place = context.at(`record ${files.record[start]}`);
        place.report('error', 'NTFS_DIRECTORY_UNREACHABLE', 'leads in a circle, not to the root');
      }
      for (const slot of chain) state[slot] = isCircle ? 3 : 2;
      chain.length = 0;
    }
    return found;
  }
}
