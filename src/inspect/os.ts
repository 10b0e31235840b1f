/** Which operating system a root tree holds: os-release(5), and the architecture of its shell. */
import type { InspectedOs } from '../core/contracts/inspection.ts';
import { isArtifactError } from '../core/errors.ts';
import { decodeUtf8 } from '../core/text.ts';
import type { MountedTree } from './root-tree.ts';

/** e_machine of ELF (elf.h) → `uname -m`. */
const MACHINES: Record<number, string> = {
  3: 'i686',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64le',
  22: 's390x',
  40: 'armv7l',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};
const PROGRAMS = ['/bin/sh', '/usr/bin/env', '/bin/busybox', '/sbin/init'];

/** os-release's assignments: shell quoting with backslash escapes, comments, unknown lines ignored. */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim());
    if (match === null) continue;
    let value = match[2]!;
    if (/^'.*'$/.test(value)) value = value.slice(1, -1);
    else value = value.replace(/^"(.*)"$/, '$1').replace(/\\(["'$`\\])/g, '$1');
    values.set(match[1]!, value);
  }
  return values;
}

/** Null when the tree holds neither os-release nor a program. */
export async function readOs(root: MountedTree): Promise<InspectedOs | null> {
  const bytes = (await root.read('/etc/os-release')) ?? (await root.read('/usr/lib/os-release'));
  if (bytes === undefined) return null;
  const values = parseOsRelease(decodeUtf8(bytes.subarray(0, 65536)));
  return {
    id: values.get('ID') ?? 'linux',
    versionId: values.get('VERSION_ID') ?? null,
    prettyName: values.get('PRETTY_NAME') ?? null,
    architecture: await readArchitecture(root),
  };
}

async function readArchitecture(root: MountedTree): Promise<string | null> {
  for (const path of PROGRAMS) {
    const machine = await elfMachine(root, path);
    if (machine !== null) return machine;
  }
  return null;
}

async function elfMachine(root: MountedTree, path: string): Promise<string | null> {
  const source = await root.open(path);
  if (source === undefined || source.size < 20) return null;
  const head = Buffer.alloc(20);
  try {
    await source.read(head, 0);
  } catch (error) {
    if (isArtifactError(error)) return null; // one damaged program: the next one may tell
    throw error;
  }
  if (head.readUInt32BE(0) !== 0x7f454c46) return null;
  const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18);
  return machine === 21 && head[5] === 2 ? 'ppc64' : (MACHINES[machine] ?? null);
}
