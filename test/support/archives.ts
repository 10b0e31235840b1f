/** What an archive holds, as we tell it and as Python's tarfile, which shares no code with us, does. */
import { createHash } from 'node:crypto';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { runTool } from './tools.ts';

/** type, size, mode, uid, gid, mtime, link target, SHA-256 of the content. */
export type Row = readonly [string, number, number, number, number, number, string, string];

const TYPES: Readonly<Record<number, string>> = {
  [FILE_TYPE.file]: 'file',
  [FILE_TYPE.directory]: 'dir',
  [FILE_TYPE.symlink]: 'link',
  [FILE_TYPE.character]: 'char',
  [FILE_TYPE.block]: 'block',
  [FILE_TYPE.fifo]: 'fifo',
};

export async function open(
  path: string,
  log = new DiagnosticLog(),
  options: { verify?: boolean } = {},
): Promise<Inspection> {
  return inspect(path, new RunContext({ log, threads: 2 }), { drivers: createRegistry(), ...options });
}

/** Every entry but the root by its path. */
export async function listing(path: string): Promise<Record<string, Row>> {
  const inspection = await open(path);
  try {
    return await listOf(inspection);
  } finally {
    await inspection.close();
  }
}

export async function listOf({ table, filesystems }: Inspection): Promise<Record<string, Row>> {
  const rows: Record<string, Row> = {};
  const filesystem = filesystems[0]!.filesystem!;
  for (let entry = 1; entry < table.count; entry++) {
    const type = table.type[entry]!;
    const inode = table.inode[entry]!;
    let hash = '';
    if (type === FILE_TYPE.file) {
      const source = await filesystem.open(inode);
      const bytes = new Uint8Array(source.size);
      await source.read(bytes, 0);
      hash = createHash('sha256').update(bytes).digest('hex');
    }
    const target = type === FILE_TYPE.symlink ? Buffer.from(await filesystem.readLink(inode)).toString() : '';
    rows[table.path(entry)] = [
      TYPES[type] ?? `type ${type}`,
      type === FILE_TYPE.file ? table.size[entry]! : 0,
      table.mode[entry]!,
      table.uid[entry]!,
      table.gid[entry]!,
      Math.floor(table.modified[entry]!),
      target,
      hash,
    ];
  }
  return rows;
}

const LIST_TAR = `
import hashlib, json, math, sys, tarfile
rows = {}
with tarfile.open(sys.argv[1], errors='surrogateescape') as archive:
    for m in archive:
        name = '/' + '/'.join(p for p in m.name.split('/') if p not in ('', '.'))
        if name == '/':
            continue
        real = archive._find_link_target(m) if m.islnk() else m
        kind = ('file' if real.isfile() else 'dir' if m.isdir() else 'link' if m.issym() else
                'char' if m.ischr() else 'block' if m.isblk() else 'fifo')
        content = archive.extractfile(real).read() if kind == 'file' else b''
        rows[name] = [kind, real.size if kind == 'file' else 0, real.mode & 0o7777, real.uid, real.gid,
                      math.floor(real.mtime), m.linkname if m.issym() else '',
                      hashlib.sha256(content).hexdigest() if kind == 'file' else '']
json.dump(rows, sys.stdout)
`;

/** The same by Python. Hard links have the attributes of what they link to. */
export async function pythonListing(path: string): Promise<Record<string, Row>> {
  return JSON.parse(await runTool('python3', ['-c', LIST_TAR, path])) as Record<string, Row>;
}
