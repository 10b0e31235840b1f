/**
 * Artifacts behind http(s) addresses, as commands open them: with the user's headers and credentials, in ranges or
 * downloaded first. Secrets stay here: what commands pass on and print is the address without them.
 *
 * Who asks is told to the address's host only: by --header, else by user and password in the address, else by
 * IMGOPT_HTTP_TOKEN (as a bearer token), else by the host's entry in ~/.netrc.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunContext } from '../core/context.ts';
import { system, usage } from '../core/errors.ts';
import { type FileSource, openFileSource } from '../sources/file.ts';
import type { HttpOptions } from '../sources/http.ts';
import { isAddress, type RemoteAccess } from '../sources/remote.ts';
import { netrcEntry } from './netrc.ts';
import type { RemoteFlags } from './remote-flags.ts';

/** Of the environment. */
export interface RemoteEnvironment {
  readonly IMGOPT_HTTP_TOKEN?: string | undefined;
  readonly NETRC?: string | undefined;
  readonly [name: string]: string | undefined;
}

export class RemoteFiles implements RemoteAccess {
  private readonly addresses = new Map<string, URL>();
  private readonly downloads = new Map<string, Promise<string>>();
  private folder: string | undefined;
  private readonly flags: RemoteFlags;
  private readonly environment: RemoteEnvironment;
  private readonly context: RunContext;
  private readonly onExit = (): void => {
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
  };

  constructor(flags: RemoteFlags, environment: RemoteEnvironment, context: RunContext) {
    this.flags = flags;
    this.environment = environment;
    this.context = context;
  }

  /**
   * Takes an argument in: from here on an address goes by the name that is returned; a path stays what it is.
   * @throws ImgoptError `usage` for an address that is none
   */
  async admit(argument: string): Promise<string> {
    if (!isAddress(argument)) return argument;
    const url = URL.parse(argument);
    if (url === null)
      throw usage('BAD_ADDRESS', 'an address cannot be understood', { advice: 'write https://host/path' });
    return this.nameOf(url, (await import('../sources/http.ts')).shownAddress(url));
  }

  private nameOf(url: URL, shown: string): string {
    for (let number = 1; ; number++) {
      const name = number === 1 ? shown : `${shown}#${number}`;
      const known = this.addresses.get(name);
      if (known !== undefined && known.href !== url.href) continue; // they differ in what is not shown
      this.addresses.set(name, url);
      return name;
    }
  }

  beside(name: string, reference: string): string | undefined {
    const url = this.addresses.get(name);
    if (url === undefined) return undefined;
    const path = reference.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
    const base = new URL('.', url);
    const next = URL.parse(path, base.href);
    if (next === null || next.origin !== base.origin || !next.pathname.startsWith(base.pathname))
      return undefined;
    next.username = url.username;
    next.password = url.password;
    next.search = url.search; // what lets the image be read (a signature over the folder) is for its siblings too
    const shown =
      name.slice(0, name.lastIndexOf('/') + 1) +
      decodeURIComponent(next.pathname.slice(base.pathname.length));
    return this.nameOf(next, shown);
  }

  async open(name: string): Promise<FileSource> {
    const url = this.addresses.get(name);
    // Not shown: it did not come through `admit`, and may hold a secret.
    if (url === undefined)
      throw usage('BAD_ADDRESS', 'an address can be given on the command line only', {
        advice: 'name a file',
      });
    const options: HttpOptions = {
      headers: await this.headersFor(url),
      signal: this.context.signal,
      name,
      proxies: this.environment,
    };
    if (this.flags.download !== true) {
      const { openHttpSource } = await import('../sources/http.ts');
      return openHttpSource(url.href, options);
    }
    let path = this.downloads.get(name);
    if (path === undefined) {
      path = this.download(url.href, name, options);
      this.downloads.set(name, path);
    }
    return named(await openFileSource(await path), name);
  }

  private async download(address: string, name: string, options: HttpOptions): Promise<string> {
    const { downloadHttp } = await import('../sources/http.ts');
    if (this.folder === undefined) {
      this.folder = await mkdtemp(join(tmpdir(), 'imgopt-')).catch((error: unknown) => {
        throw system(error, [tmpdir()]);
      });
      process.once('exit', this.onExit);
    }
    const path = join(this.folder, String(this.downloads.size));
    let task: ReturnType<RunContext['progress']['start']> | undefined;
    try {
      const file = openSync(path, 'wx', 0o600);
      try {
        const start = (length: number | undefined): void => {
          task = this.context.progress.start('downloading', length ?? 0);
        };
        for await (const chunk of downloadHttp(address, options, start)) {
          for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
          task?.advance(chunk.length);
        }
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.context.signal.throwIfAborted();
      throw system(error, [name]);
    } finally {
      task?.done();
    }
    return path;
  }

  private async headersFor(url: URL): Promise<Record<string, string>> {
    const headers = await parseHeaders(this.flags.header ?? []);
    if ('authorization' in headers) return headers;
    const { IMGOPT_HTTP_TOKEN: token, NETRC } = this.environment;
    if (url.username !== '' || url.password !== '') {
      headers.authorization = basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
    } else if (token !== undefined && token !== '') {
      headers.authorization = `Bearer ${token}`;
    } else {
      const path = NETRC ?? join(homedir(), process.platform === 'win32' ? '_netrc' : '.netrc');
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (NETRC === undefined && (error.code === 'ENOENT' || error.code === 'EACCES')) return '';
        throw system(error, [path]);
      });
      const entry = netrcEntry(text, url.hostname);
      if (entry !== undefined) headers.authorization = basic(entry.login, entry.password);
    }
    return headers;
  }

  /** Removes what was downloaded. */
  async dispose(): Promise<void> {
    process.off('exit', this.onExit);
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
    this.folder = undefined;
    this.downloads.clear();
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Names in lower case. @throws ImgoptError `usage` that names no value: it may be a secret */
async function parseHeaders(given: readonly string[]): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const one of given) {
    const lines = one.startsWith('@') ? await headerLines(one.slice(1)) : [one];
    for (const line of lines) {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
      if (match === null)
        throw usage('BAD_HEADER', "a --header is not of the form 'Name: value'", {
          advice: 'quote it in the shell',
        });
      headers[match[1]!.toLowerCase()] = match[2]!.trimEnd();
    }
  }
  for (const name of [
    'range',
    'host',
    'connection',
    'accept-encoding',
    'content-length',
    'transfer-encoding',
  ]) {
    if (name in headers)
      throw usage('BAD_HEADER', `the header ${name} is imgopt's own to set`, { advice: 'leave it out' });
  }
  return headers;
}

async function headerLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'latin1').catch((error: unknown) => {
    throw system(error, [path]);
  });
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** The same file under another name. */
function named(source: FileSource, name: string): FileSource {
  const { size, granularity, allocated, modifiedMs } = source;
  return {
    path: name,
    size,
    granularity,
    allocated,
    modifiedMs,
    read: (target, offset) => source.read(target, offset),
    extents: (range) => source.extents(range),
    close: () => source.close(),
  };
}
