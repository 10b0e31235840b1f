/**
 * Every file of the artifact as an ncdu export (https://dev.yorhel.nl/ncdu/jsonfmt), for `ncdu -f`.
 *
 * One tree of all filesystems, each at its mount point and with its own `dev`, as a walk over the running guest
 * would find them. What a mount hides still has its bytes on the disk, so it stands in a directory of its own
 * (`[hidden below the mount]`) rather than vanish; a filesystem that the guest does not mount stands in the root
 * directory under the name that the report gives it, and a snapshot is a directory with the bytes that it holds alone.
 *
 * The tree is walked with a stack of our own and written in pieces: a million files are neither one string nor a
 * deep recursion. There is no timestamp, since the same artifact gives the same bytes.
 */
import { HIDDEN, type MountNode, mountTree } from '../analyzers/mount-tree.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Report } from '../core/contracts/report.ts';
import type { Reporter, ReporterOptions } from '../core/contracts/reporter.ts';
import { usage } from '../core/errors.ts';
import { FILE_TYPE } from '../core/file-table.ts';

const CHUNK_CHARACTERS = 64 * 1024;
const MAJOR = 1;
const MINOR = 1;

export const ncduReporter: Reporter = {
  name: 'ncdu',
  mediaType: 'application/json',
  extension: 'ncdu.json',
  *render(report: Report, options: ReporterOptions) {
    const { inspection } = options;
    if (inspection === null) {
      throw usage('REPORT_WITHOUT_FILES', 'a saved report does not hold every file, which ncdu needs', {
        advice: 'run analyze on the artifact itself',
      });
    }
    const header = { progname: report.generator.name, progver: report.generator.version };
    let chunk = `[${MAJOR},${MINOR},${JSON.stringify(header)}`;
    for (const text of tree(inspection)) {
      chunk += text;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = '';
    }
    yield `${chunk}]\n`;
  },
};

type Step =
  /** A table entry; `node` when something is mounted on it or below it. */
  | { readonly kind: 'entry'; readonly entry: number; readonly node: MountNode | undefined }
  /** A mount point or a directory above one that no filesystem holds; `covered` is the entry it hides, or -1. */
  | { readonly kind: 'mount'; readonly name: string; readonly node: MountNode; readonly covered: number }
  | { readonly kind: 'hidden'; readonly entry: number }
  | { readonly kind: 'close' };

function* tree(inspection: Inspection): Generator<string> {
  const { table } = inspection;
  const { sections } = table;
  let subvolumes = 0;
  /** A number for each filesystem, and one for each subvolume of it that is mounted, as stat(2) has them. */
  const device = (root: number): number => {
    const section = sections.findIndex(({ first }) => first === root);
    return section < 0 ? sections.length + ++subvolumes : section + 1;
  };
  const stack: Step[] = [{ kind: 'mount', name: '/', node: mountTree(inspection), covered: -1 }];
  /** Puts a directory's content on the stack: its entries, with what is mounted on them. */
  const open = (directory: number, node: MountNode | undefined): void => {
    stack.push({ kind: 'close' });
    const mounted = new Set<string>();
    if (directory >= 0) {
      for (const child of table.children(directory)) {
        const name = node === undefined ? '' : table.name(child);
        const inner = node?.inner.get(name);
        if (inner !== undefined && table.isDirectory(child)) {
          mounted.add(name);
          if (inner.entry >= 0) stack.push({ kind: 'mount', name, node: inner, covered: child });
          else stack.push({ kind: 'entry', entry: child, node: inner });
        } else {
          stack.push({ kind: 'entry', entry: child, node: undefined });
        }
      }
    }
    for (const [name, inner] of node?.inner ?? []) {
      if (!mounted.has(name)) stack.push({ kind: 'mount', name, node: inner, covered: -1 });
    }
  };
  while (stack.length > 0) {
    const step = stack.pop()!;
    if (step.kind === 'close') {
      yield ']';
    } else if (step.kind === 'entry') {
      if (table.isDirectory(step.entry)) {
        yield `,\n[${describe(inspection, step.entry, table.name(step.entry))}`;
        open(step.entry, step.node);
      } else {
        yield `,\n${describe(inspection, step.entry, table.name(step.entry))}`;
      }
    } else if (step.kind === 'hidden') {
      yield `,\n[${describe(inspection, step.entry, HIDDEN)}`;
      open(step.entry, undefined);
    } else {
      const { entry, exclusive } = step.node;
      if (entry < 0) {
        yield `,\n[${JSON.stringify({ name: step.name })}`;
        open(-1, step.node);
      } else if (exclusive !== null) {
        yield `,\n[${JSON.stringify({ name: step.name, dsize: exclusive, dev: device(entry) })}`;
        open(-1, step.node);
      } else {
        yield `,\n[${describe(inspection, entry, step.name, device(entry))}`;
        open(entry, step.node);
      }
      if (step.covered >= 0 && table.children(step.covered).length > 0) {
        stack.push({ kind: 'hidden', entry: step.covered });
      }
    }
  }
}

/** ncdu's information block; fields that are zero are left out, as ncdu does. */
function describe(inspection: Inspection, entry: number, name: string, device = 0): string {
  const { table } = inspection;
  const type = table.type[entry];
  let text = `{"name":${JSON.stringify(name)}`;
  if (table.size[entry] !== 0) text += `,"asize":${table.size[entry]}`;
  if (table.allocated[entry] !== 0) text += `,"dsize":${table.allocated[entry]}`;
  if (device !== 0) text += `,"dev":${device}`;
  if (type !== FILE_TYPE.directory && table.links[entry]! > 1) {
    text += `,"ino":${table.inode[entry]},"hlnkc":true,"nlink":${table.links[entry]}`;
  }
  if (type !== FILE_TYPE.directory && type !== FILE_TYPE.file) text += ',"notreg":true';
  return `${text}}`;
}
