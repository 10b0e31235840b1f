/**
 * Why an rpm is installed. rpm itself does not know; whoever installed it does, in its own file:
 *
 * - dnf 5:  /usr/lib/sysimage/libdnf5/packages.toml, and groups.toml for what came with a group
 * - dnf 4:  /var/lib/dnf/history.sqlite, the last transaction that put the package there
 * - yum:    /var/lib/yum/yumdb/<letter>/<package>/reason
 * - zypper: /var/lib/zypp/AutoInstalled, names that nobody asked for
 *
 * The first that is there and readable answers. A package that it does not know stays unknown.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { RootTree } from '../../core/contracts/package.ts';
import { corrupt, isArtifactError } from '../../core/errors.ts';
import { MAX_HISTORY_ROWS, MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { type GuestSqlite, withSqlite } from './sqlite.ts';

/** True: installed only because something needs it. Undefined: not recorded. */
export type Reasons = (name: string, architecture: string | null) => boolean | undefined;

const DNF5 = '/usr/lib/sysimage/libdnf5';
const DNF4 = '/var/lib/dnf/history.sqlite';
const YUM = '/var/lib/yum/yumdb';
const ZYPPER = '/var/lib/zypp/AutoInstalled';

/** The answer of whatever manager left one; what cannot be read is reported, and the next is asked. */
export async function readReasons(root: RootTree, context: Context): Promise<Reasons> {
  for (const read of [dnf5Reasons, dnf4Reasons, yumReasons, zypperReasons]) {
    try {
      const reasons = await read(root);
      if (reasons !== undefined) return reasons;
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      const code = error.code.replace(/^IMGOPT_/, '');
      context.report('warning', code, `reasons of installation: ${error.message}`);
    }
  }
  return () => undefined;
}

// --- dnf 5 ---

/** libdnf5's words; `None` says nothing, all others mean that it was asked for. */
const DNF5_AUTOMATIC = new Set(['Dependency', 'Weak Dependency', 'Clean']);

async function dnf5Reasons(root: RootTree): Promise<Reasons | undefined> {
  const [packages, groups] = await root.readMany([`${DNF5}/packages.toml`, `${DNF5}/groups.toml`]);
  if (packages === undefined) return undefined;
  const reasons = parseDnf5Packages(decodeUtf8(packages));
  const grouped = new Set(groups === undefined ? [] : parseDnf5Groups(decodeUtf8(groups)));
  return (name, architecture) => {
    const reason = reasons.get(`${name}.${architecture}`);
    // As libdnf5's get_package_reason: a group outweighs a dependency, not the user.
    if (grouped.has(name)) return false;
    if (reason === undefined || reason === 'None') return undefined;
    return DNF5_AUTOMATIC.has(reason);
  };
}

/**
 * `"bash.x86_64" = {reason = "User"}` below `[packages]`, or a table `[packages."bash.x86_64"]` with the key
 * below it: toml11, which writes the file, uses either by the number of keys.
 */
export function parseDnf5Packages(text: string): Map<string, string> {
  const result = new Map<string, string>();
  let table: string | undefined;
  let inPackages = false;
  for (const line of text.split('\n')) {
    const header = /^\s*\[\s*(packages)?(?:\s*\.\s*(?:"([^"]*)"|([^"\]\s]+)))?.*\]\s*$/.exec(line);
    if (header !== null) {
      inPackages = header[1] !== undefined;
      table = inPackages ? (header[2] ?? header[3]) : undefined;
      continue;
    }
    if (!inPackages) continue;
    if (table === undefined) {
      const entry = /^\s*(?:"([^"]*)"|([^"=\s]+))\s*=\s*\{.*?\breason\s*=\s*"([^"]*)"/.exec(line);
      if (entry !== null) result.set((entry[1] ?? entry[2])!, entry[3]!);
    } else {
      const key = /^\s*reason\s*=\s*"([^"]*)"/.exec(line);
      if (key !== null) result.set(table, key[1]!);
    }
  }
  return result;
}

/** Names in every `packages = [ … ]` of groups.toml, wherever its lines break. */
export function parseDnf5Groups(text: string): string[] {
  const result: string[] = [];
  for (const list of text.matchAll(/\bpackages\s*=\s*\[([^\]]*)\]/g)) {
    for (const name of list[1]!.matchAll(/"([^"]*)"/g)) result.push(name[1]!);
  }
  return result;
}

// --- dnf 4 ---

/** libdnf's TransactionItemReason. */
const REASON = { unknown: 0, dependency: 1, user: 2, clean: 3, weakDependency: 4, group: 5 } as const;
const ACTION_REMOVE = 8;
/** libdnf's TransactionItemAction: downgraded, obsoleted, upgraded, reinstalled: the old half of a pair. */
const OLD_HALVES = new Set([3, 5, 7, 10]);
const STATE_DONE = 1;

async function dnf4Reasons(root: RootTree): Promise<Reasons | undefined> {
  const [bytes, wal] = await root.readMany([DNF4, `${DNF4}-wal`]);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const last = await withSqlite(bytes, wal, lastReasons);
  return (name, architecture) => {
    const reason = last.get(`${name}.${architecture}`);
    if (reason === undefined || reason === REASON.unknown) return undefined;
    return reason !== REASON.user && reason !== REASON.group;
  };
}

/** As libdnf's resolveTransactionItemReason, for all packages at once: the newest finished transaction counts. */
function lastReasons(database: GuestSqlite): Map<string, number> {
  const finished = new Set<unknown>();
  for (const row of database.rows('trans', ['id', 'state'], MAX_HISTORY_ROWS)) {
    if (row.state === STATE_DONE) finished.add(row.id);
  }
  const names = new Map<unknown, string>();
  for (const row of database.rows('rpm', ['item_id', 'name', 'arch'], MAX_HISTORY_ROWS)) {
    names.set(row.item_id, `${row.name}.${row.arch}`);
  }
  const newest = new Map<string, { transaction: number; reason: number }>();
  const columns = ['trans_id', 'item_id', 'action', 'reason'];
  for (const row of database.rows('trans_item', columns, MAX_HISTORY_ROWS)) {
    const { trans_id: transaction, item_id: item, action, reason } = row;
    if (typeof transaction !== 'number' || typeof action !== 'number' || typeof reason !== 'number') {
      throw corrupt('DNF_HISTORY', 'a row of trans_item holds no numbers');
    }
    const name = names.get(item);
    if (name === undefined || !finished.has(transaction) || OLD_HALVES.has(action)) continue;
    const known = newest.get(name);
    if (known !== undefined && known.transaction > transaction) continue;
    newest.set(name, { transaction, reason: action === ACTION_REMOVE ? REASON.unknown : reason });
  }
  return new Map([...newest].map(([name, { reason }]) => [name, reason]));
}

// --- yum ---

/** `<checksum>-<name>-<version>-<release>-<architecture>`, as yum names a package's folder. */
const YUM_FOLDER = /^[0-9a-f]+-(.+)-[^-]+-[^-]+-([^-]+)$/;

async function yumReasons(root: RootTree): Promise<Reasons | undefined> {
  if (root.lookup(YUM) < 0) return undefined;
  const keys: string[] = [];
  const paths: string[] = [];
  for (const { name: letter } of root.list(YUM)) {
    for (const { name: folder } of root.list(`${YUM}/${letter}`)) {
      const parts = YUM_FOLDER.exec(folder);
      if (parts === null || keys.length >= MAX_PACKAGES) continue;
      keys.push(`${parts[1]}.${parts[2]}`);
      paths.push(`${YUM}/${letter}/${folder}/reason`);
    }
  }
  const words = await root.readMany(paths);
  const reasons = new Map<string, boolean>();
  for (const [i, key] of keys.entries()) {
    const word = words[i] === undefined ? '' : decodeUtf8(words[i]).trim();
    // Of several installed versions one that was asked for is enough.
    if (word !== '') reasons.set(key, word === 'dep' && reasons.get(key) !== false);
  }
  return (name, architecture) => reasons.get(`${name}.${architecture}`);
}

// --- zypper ---

async function zypperReasons(root: RootTree): Promise<Reasons | undefined> {
  const bytes = await root.read(ZYPPER);
  if (bytes === undefined) return undefined;
  const names = new Set<string>();
  for (const line of decodeUtf8(bytes).split('\n')) {
    const name = line.trim();
    if (name !== '' && !name.startsWith('#')) names.add(name);
  }
  return (name) => names.has(name);
}
