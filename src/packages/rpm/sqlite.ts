/**
 * Rows of a SQLite database that lies inside an image, read by Node's own SQLite.
 *
 * SQLite opens files, not bytes, so the database (and the write-ahead log beside it, whose transactions count)
 * is copied to a private temporary folder for the length of the read. Its schema is the guest's and therefore
 * hostile: a view, a virtual table or a generated column called like the table that we want would run what it
 * likes. So the schema is not trusted, and a table is read only after SQLite has said that it is an ordinary
 * one with plain columns. SQLite itself refuses pages without rows and values longer than the file; a page
 * that is reachable many times is met by a bound on rows and bytes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { corrupt, system, unsupported } from '../../core/errors.ts';

export type SqliteRow = Record<string, unknown>;
type Sqlite = typeof import('node:sqlite');

let loaded: Promise<Sqlite> | undefined;

/** Node 22 announces on standard error that SQLite is experimental; a library has nothing to say there. */
async function sqlite(): Promise<Sqlite> {
  loaded ??= (async () => {
    const emit = process.emitWarning;
    process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
      if (!String(warning).startsWith('SQLite')) Reflect.apply(emit, process, [warning, ...rest]);
    }) as typeof process.emitWarning;
    try {
      return await import('node:sqlite');
    } finally {
      process.emitWarning = emit;
    }
  })();
  return await loaded;
}

const MAGIC = 'SQLite format 3\0';

/** One open database; rows come from checked tables only. */
export class GuestSqlite {
  private readonly database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  /** True when there is something called so, of whatever kind. */
  has(table: string): boolean {
    return (
      this.guard(() => this.database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table)) !==
      undefined
    );
  }

  /**
   * Yields rows of an ordinary table with these columns, in the order of its row numbers.
   * @param limit rows after which the database counts as corrupt
   */
  *rows(table: string, columns: readonly string[], limit: number): Generator<SqliteRow> {
    const statement = this.guard(() => {
      const kinds = this.database
        .prepare('SELECT type, rootpage, sql FROM sqlite_schema WHERE name = ?')
        .all(table);
      const plain = kinds.length === 1 && kinds[0]!.type === 'table' && Number(kinds[0]!.rootpage) > 0;
      const info = plain
        ? this.database.prepare('SELECT name, hidden FROM pragma_table_xinfo(?)').all(table)
        : [];
      const missing = columns.find((name) => !info.some((column) => column.name === name));
      if (missing !== undefined || info.some((column) => column.hidden !== 0)) {
        throw corrupt('SQLITE_SCHEMA', `${table} is not the plain table that it should be`);
      }
      const list = columns.map((name) => `"${name}"`).join(', ');
      return this.database.prepare(`SELECT ${list} FROM "${table}" NOT INDEXED`);
    });
    const rows = statement.iterate();
    for (let count = 0; ; count++) {
      const next = this.guard(() => rows.next());
      if (next.done === true) return;
      if (count === limit) throw corrupt('SQLITE_ROWS', `${table} has more than ${limit} rows`);
      yield next.value as SqliteRow;
    }
  }

  private guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asImgoptError(error);
    }
  }
}

/** SQLITE_NOTADB, SQLITE_CORRUPT and the like are the image's fault; the rest is the machine's. */
function asImgoptError(error: unknown): unknown {
  const { code, errcode, errstr, message } = error as {
    code?: string;
    errcode?: number;
    errstr?: string;
    message: string;
  };
  if (code !== 'ERR_SQLITE_ERROR') return error;
  const SQLITE_IOERR = 10;
  const SQLITE_FULL = 13;
  const primary = (errcode ?? 0) & 0xff;
  if (primary === SQLITE_IOERR || primary === SQLITE_FULL) return system(error);
  return corrupt('SQLITE', `SQLite says: ${message === '' ? errstr : message}`, { cause: error });
}

/**
 * Opens a database given as bytes, hands it to `work` and takes everything away again.
 * @param wal content of the `-wal` file beside it, when there is one
 * @throws corrupt `SQLITE…` when it is none or contradicts itself
 */
export async function withSqlite<T>(
  bytes: Uint8Array,
  wal: Uint8Array | undefined,
  work: (database: GuestSqlite) => T,
): Promise<T> {
  if (Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(16, bytes.length)).toString('latin1') !== MAGIC) {
    throw corrupt('SQLITE_MAGIC', 'the file does not begin like a SQLite database');
  }
  const { DatabaseSync } = await sqlite().catch((error: unknown) => {
    throw unsupported('SQLITE_MISSING', 'this Node was built without SQLite', { cause: error });
  });
  let folder: string | undefined;
  let database: DatabaseSync | undefined;
  try {
    folder = mkdtemp();
    const path = spool(folder, bytes, wal);
    try {
      database = new DatabaseSync(path, { readOnly: true, enableForeignKeyConstraints: false });
      database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
    } catch (error) {
      throw asImgoptError(error);
    }
    return work(new GuestSqlite(database));
  } finally {
    database?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function mkdtemp(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'imgopt-sqlite-'));
  } catch (error) {
    throw system(error, ['temporary folder']);
  }
}

/** The folder is ours alone (mkdtemp makes it 0700); SQLite puts the index of a log there as well. */
function spool(folder: string, bytes: Uint8Array, wal: Uint8Array | undefined): string {
  const path = join(folder, 'database');
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
    if (wal !== undefined && wal.length > 0) writeFileSync(`${path}-wal`, wal, { mode: 0o600 });
  } catch (error) {
    throw system(error, ['temporary folder']);
  }
  return path;
}
