/**
 * A file on a web server, read in ranges (RFC 9110, 14): what `analyze` needs of an image of gigabytes is a few
 * megabytes of metadata, so nothing else is fetched.
 *
 * Small reads go through a cache of blocks; blocks that are missing side by side are one request, and where a reader
 * goes forward the next blocks come along, more each time. Large reads pass the cache by, in pieces side by side.
 *
 * The server is not trusted to keep to anything. The file's length and validators (ETag, Last-Modified) are taken from
 * the first answer and every later one is compared with them: an image that changes while it is read is an error, not
 * a mixture. Ranges are compared with what was asked for. What may be a passing failure (a reset, silence, a busy
 * server, a wrong range) is tried again a bounded number of times, from where it broke off, after growing pauses.
 *
 * Credentials are sent to the host that the user named and to no other, wherever it redirects. They are in no message:
 * an address is shown without user and password, and without what its query holds.
 */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { BlockExtent } from '../core/contracts/source.ts';
import { ImgoptError, unreadable, unsupported } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { HTTP_CACHE_BYTES, MAX_HTTP_ATTEMPTS, MAX_HTTP_REDIRECTS, MAX_HTTP_WAIT_MS } from '../core/limits.ts';
import { escapeName } from '../core/text.ts';
import { assertInside, type FileSource, wholeAs } from './file.ts';
import { canUseProxies, type Environment, proxyFor, type WebProxy } from './proxy.ts';
import { isAddress } from './remote.ts';

export interface HttpOptions {
  /** What is sent to the address's own host: `Authorization`, and whatever the user gave. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** How the address is shown; the address without its secrets unless told. */
  readonly name?: string;
  /** Silence after which a request is given up; milliseconds. */
  readonly timeoutMs?: number;
  /** The first pause before another try; each further one is twice as long. Milliseconds. */
  readonly pauseMs?: number;
  /** The environment that names proxies (see proxy.ts); none unless told. */
  readonly proxies?: Environment;
}

export interface HttpSource extends FileSource {
  /** Bytes of content that came over the network so far. */
  readonly received: number;
  /** Requests made so far. */
  readonly requests: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
/**
 * What scattered reads of metadata are rounded to. Of a Debian system of 2.9 GB in a qcow2, 4 KiB transfer 1.7 % in 2,146
 * requests, 16 KiB 2.6 % in 2,003, 64 KiB 6.1 % in 1,725.
 */
const BLOCK_BYTES = 16 * KiB;
/** The first request: as much as detection will ask for. */
const FIRST_BYTES = 128 * KiB;
/** Reads of this size and more pass the cache by. */
const DIRECT_BYTES = 512 * KiB;
/** One request for a large read; several run side by side. */
const PIECE_BYTES = 4 * MiB;
const MAX_AHEAD_BLOCKS = 128;
/** Readers that go forward at the same time and are told apart. */
const STREAMS = 8;
/** Connections to the server at once. */
const MAX_CONNECTIONS = 6;
const TIMEOUT_MS = 30_000;
const PAUSE_MS = 250;
const MAX_PAUSE_MS = 8000;

/** Without user, password, query and fragment, of which each may be a secret. */
export function shownAddress(url: URL): string {
  return escapeName(`${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`);
}

/** A failure of the network or the server's; `isPassing` when another try may do. */
class HttpFailure extends Error {
  readonly code: string;
  readonly isPassing: boolean;
  readonly advice: string | undefined;
  /** What the server asks to wait. */
  readonly waitMs: number;

  constructor(
    code: string,
    message: string,
    options: { isPassing?: boolean; advice?: string; waitMs?: number } = {},
  ) {
    super(message);
    this.code = code;
    this.isPassing = options.isPassing ?? false;
    this.advice = options.advice;
    this.waitMs = options.waitMs ?? 0;
  }
}

/**
 * Opens what an address names, with one request.
 * @throws ImgoptError `usage` for what is no address, `unreadable` when there is nothing or it is empty, `unsupported`
 *   when the server does not send parts, `system` when network or server fail
 */
export async function openHttpSource(address: string, options: HttpOptions = {}): Promise<HttpSource> {
  const url = parseAddress(address);
  const file = new HttpFile(new Client(url, options), options.name ?? shownAddress(url), options);
  try {
    await file.open();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The whole content, once, in order: for servers that do not send parts.
 * @throws as `openHttpSource`
 */
export async function* downloadHttp(
  address: string,
  options: HttpOptions = {},
  onLength?: (length: number | undefined) => void,
): AsyncGenerator<Uint8Array> {
  const url = parseAddress(address);
  const client = new Client(url, options);
  const name = options.name ?? shownAddress(url);
  try {
    const answer = await withRetries(name, options, async () => {
      const got = await client.get(undefined);
      if (got.statusCode === 200) return got;
      got.destroy();
      throw statusFailure(got);
    });
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    onLength?.(Number.isSafeInteger(length) ? length : undefined);
    let received = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        received += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw toError(networkFailure(error), name);
    }
    if (Number.isSafeInteger(length) && received !== length)
      throw toError(new HttpFailure('HTTP_CUT_SHORT', `sent ${received} bytes of ${length}`), name);
  } finally {
    client.close();
  }
}

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url === null || !isAddress(address)) {
    throw new ImgoptError('usage', 'BAD_ADDRESS', 'is no address that can be opened', {
      advice: 'write https://host/path',
    });
  }
  return url;
}

/* ---------- requests ---------- */

class Client {
  /** As the user named it. */
  private readonly origin: URL;
  private readonly options: HttpOptions;
  /** By scheme and proxy: redirects may lead from one to the other. */
  private readonly agents = new Map<string, HttpAgent>();
  /** Where the origin last led to. */
  private location: URL;
  requests = 0;

  constructor(url: URL, options: HttpOptions) {
    this.origin = url;
    this.location = url;
    this.options = options;
  }

  /** @throws ImgoptError `unsupported` when a proxy is to be used and this Node cannot */
  private agentFor({ protocol }: URL, proxy: WebProxy | undefined): HttpAgent {
    const key = `${protocol}${proxy?.address ?? ''}`;
    const known = this.agents.get(key);
    if (known !== undefined) return known;
    if (proxy !== undefined && !canUseProxies()) {
      throw unsupported(
        'HTTP_PROXY',
        `is behind the proxy ${proxy.shown}, which Node ${process.version} cannot use`,
        {
          advice: 'use Node 24.5 (22.21) or later, or fetch the file first',
        },
      );
    }
    const options = {
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      scheduling: 'lifo' as const,
      ...(proxy === undefined ? {} : { proxyEnv: { http_proxy: proxy.address, https_proxy: proxy.address } }),
    };
    const agent = protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
    this.agents.set(key, agent);
    return agent;
  }

  /** The answer, behind redirects; its body has not been read. @param range both ends included, as in the header */
  async get(range: readonly [first: number, last: number] | undefined): Promise<IncomingMessage> {
    for (let redirects = 0; redirects <= MAX_HTTP_REDIRECTS; redirects++) {
      const answer = await this.send(this.location, range);
      const status = answer.statusCode ?? 0;
      if (status >= 300 && status < 400 && status !== 304) {
        answer.destroy();
        this.location = this.redirected(answer);
        continue;
      }
      // Where a redirect led to may only be good for a while: the next try asks the origin again.
      if ([401, 403, 404, 410].includes(status) && this.location !== this.origin) {
        this.location = this.origin;
        answer.destroy();
        throw new HttpFailure('HTTP_REDIRECT_EXPIRED', `the server that it redirects to answers ${status}`, {
          isPassing: true,
        });
      }
      return answer;
    }
    this.location = this.origin;
    throw new HttpFailure('HTTP_REDIRECTS', `redirects more than ${MAX_HTTP_REDIRECTS} times`);
  }

  private redirected(answer: IncomingMessage): URL {
    const { location } = answer.headers;
    const next = location === undefined ? null : URL.parse(location, this.location.href);
    if (next === null || !isAddress(next.href)) {
      this.location = this.origin;
      throw new HttpFailure('HTTP_REDIRECTS', 'redirects to nothing that can be opened');
    }
    return next;
  }

  /** Only the host that the user named gets the user's headers: not another one, port or unsealed connection. */
  private headersFor(url: URL): Readonly<Record<string, string>> {
    const { origin } = this;
    const isSealed =
      url.hostname === origin.hostname && origin.protocol === 'http:' && url.protocol === 'https:';
    const isSame = url.origin === origin.origin || (isSealed && origin.port === '' && url.port === '');
    return isSame ? (this.options.headers ?? {}) : {};
  }

  private send(url: URL, range: readonly [number, number] | undefined): Promise<IncomingMessage> {
    const { signal, timeoutMs = TIMEOUT_MS } = this.options;
    signal?.throwIfAborted();
    this.requests++;
    const proxy = proxyFor(url, this.options.proxies ?? {});
    const options: RequestOptions = {
      agent: this.agentFor(url, proxy),
      headers: {
        'user-agent': 'imgopt',
        accept: '*/*',
        // Ranges are of what is stored, not of what a compression made of it on the way.
        'accept-encoding': 'identity',
        ...(range === undefined ? {} : { range: `bytes=${range[0]}-${range[1]}` }),
        ...this.headersFor(url),
      },
      ...(signal === undefined ? {} : { signal }),
    };
    const bare = new URL(url);
    bare.username = '';
    bare.password = '';
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(bare, options, resolve);
      request.setTimeout(timeoutMs, () =>
        request.destroy(new HttpFailure('HTTP_TIMEOUT', SILENT, { isPassing: true })),
      );
      request.on('error', (error) => reject(proxy === undefined ? error : proxyFailure(error, proxy)));
      request.end();
    });
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }
}

const SILENT = 'the server went silent';

/* ---------- failures ---------- */

const PASSING_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

function statusFailure(answer: IncomingMessage): HttpFailure | ImgoptError {
  const status = answer.statusCode ?? 0;
  const text = `the server answers ${status}`;
  if (status === 404 || status === 410)
    return unreadable('NOT_FOUND', `no such file: ${text}`, { advice: 'check the address' });
  if (status === 407) return proxyRefusal('the proxy', status);
  if (status === 401)
    return new HttpFailure('HTTP_UNAUTHORIZED', `${text}: it wants to know who asks`, {
      advice: "give --header 'Authorization: …', IMGOPT_HTTP_TOKEN or an entry in ~/.netrc",
    });
  if (status === 403)
    return new HttpFailure('HTTP_FORBIDDEN', `${text}: not for who asks`, {
      advice: 'check credentials and address',
    });
  const after = Number(answer.headers['retry-after'] ?? 0);
  return new HttpFailure('HTTP_STATUS', text, {
    isPassing: PASSING_STATUS.has(status),
    waitMs: Number.isFinite(after) ? Math.min(after * 1000, MAX_HTTP_WAIT_MS) : 0,
  });
}

function proxyRefusal(proxy: string, status: number): HttpFailure {
  return new HttpFailure('HTTP_PROXY_UNAUTHORIZED', `${proxy} answers ${status}: it wants to know who asks`, {
    advice: 'put user and password into its address: http://user:password@host:port',
  });
}

/** What went wrong on the way to a proxy, or in it. Node's words are not used: they may hold its address. */
function proxyFailure(error: Error, { shown }: WebProxy): Error {
  const { code, syscall, statusCode } = error as NodeJS.ErrnoException & { statusCode?: number };
  const name = `the proxy ${shown}`;
  if (code === 'ERR_PROXY_TUNNEL') {
    if (statusCode === 407 || statusCode === 401) return proxyRefusal(name, statusCode);
    const what = statusCode === undefined ? 'breaks off' : `answers ${statusCode} to CONNECT`;
    return new HttpFailure('HTTP_PROXY_TUNNEL', `${name} ${what}`, {
      isPassing: statusCode === undefined || PASSING_STATUS.has(statusCode),
      advice: 'ask whoever runs it, or name the host in no_proxy',
    });
  }
  if (syscall !== 'connect' && syscall !== 'getaddrinfo') return error;
  return new HttpFailure('HTTP_PROXY_UNREACHABLE', `${name} cannot be reached (${code})`, {
    isPassing: code !== 'ENOTFOUND',
    advice: 'check http_proxy, https_proxy and all_proxy',
  });
}

/** Certificates and names stay what they are; what the wire did may not happen again. */
function networkFailure(error: unknown): unknown {
  if (error instanceof HttpFailure || error instanceof ImgoptError) return error;
  const { code = 'HTTP_FAILED', message, name } = error as NodeJS.ErrnoException;
  if (name === 'AbortError') return error;
  const isFinal = code === 'ENOTFOUND' || /CERT|TLS|SSL|ALTNAME|SELF_SIGNED|UNABLE_TO|ERR_INVALID/.test(code);
  return new HttpFailure(
    `HTTP_${code.replace(/^HTTP_/, '')}`,
    code === 'ENOTFOUND' ? 'no such host' : message,
    {
      isPassing: !isFinal,
    },
  );
}

function toError(error: unknown, name: string): unknown {
  if (error instanceof HttpFailure) {
    const advice = error.advice ?? (error.isPassing ? 'try again later' : undefined);
    const options = { where: [name], ...(advice === undefined ? {} : { advice }) };
    return new ImgoptError('system', error.code, error.message, options);
  }
  return error instanceof ImgoptError && error.where.length === 0 ? error.within(name) : error;
}

/**
 * Tries until it works, fails for good or has been tried often enough.
 * @param work told how often it has failed since it last got anywhere; calls `advanced` when it gets somewhere
 */
async function withRetries<T>(
  name: string,
  { signal, pauseMs = PAUSE_MS }: HttpOptions,
  work: (advanced: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  let rounds = 0;
  for (;;) {
    try {
      return await work(() => {
        failures = 0;
      });
    } catch (caught) {
      signal?.throwIfAborted();
      const error = networkFailure(caught);
      failures++;
      rounds++;
      // Crumbs between failures do not go on for ever either.
      const isOver = failures >= MAX_HTTP_ATTEMPTS || rounds >= 4 * MAX_HTTP_ATTEMPTS;
      if (!(error instanceof HttpFailure) || !error.isPassing || isOver) throw toError(error, name);
      const pause = Math.max(error.waitMs, Math.min(pauseMs * 2 ** (failures - 1), MAX_PAUSE_MS));
      await sleep(pause, signal);
    }
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/* ---------- the file ---------- */

/** What the first answer said, and every other must say too. */
interface Identity {
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}

class HttpFile implements HttpSource {
  readonly path: string;
  readonly granularity = BLOCK_BYTES;
  size = 0;
  modifiedMs = 0;
  received = 0;
  private readonly client: Client;
  private readonly options: HttpOptions;
  private identity: Identity | undefined;
  /** By number of the block; used last is last. */
  private readonly blocks = new Map<number, Promise<Uint8Array>>();
  /** Where readers that go forward will ask next, and how many blocks they then get. */
  private streams: { next: number; ahead: number }[] = [];

  constructor(client: Client, name: string, options: HttpOptions) {
    this.client = client;
    this.path = name;
    this.options = options;
  }

  get requests(): number {
    return this.client.requests;
  }

  /** What a server gives is all there. */
  get allocated(): number {
    return this.size;
  }

  async open(): Promise<void> {
    const first = await withRetries(this.path, this.options, () => this.first());
    for (let at = 0; at < first.length; at += BLOCK_BYTES)
      this.blocks.set(at / BLOCK_BYTES, Promise.resolve(first.subarray(at, at + BLOCK_BYTES)));
  }

  /** The beginning of the file, and with it length and identity. */
  private async first(): Promise<Uint8Array> {
    const answer = await this.client.get([0, FIRST_BYTES - 1]);
    if (answer.statusCode === 416 && /^bytes \*\/0$/i.test(answer.headers['content-range'] ?? '')) {
      answer.destroy();
      throw unreadable('EMPTY', 'is empty', { advice: 'the build or copy failed: make it again' });
    }
    if (answer.statusCode === 200) {
      answer.destroy();
      if (answer.headers['content-length'] === '0')
        throw unreadable('EMPTY', 'is empty', { advice: 'the build or copy failed: make it again' });
      throw unsupported('HTTP_NO_RANGES', 'the server sends only whole files, not parts of them', {
        advice: 'fetch it first with --download',
      });
    }
    const range = this.rangeOf(answer);
    if (range.start !== 0 || range.size === 0 || range.end > Math.min(FIRST_BYTES, range.size)) {
      answer.destroy();
      throw wrongRange();
    }
    this.size = range.size;
    this.identity = identityOf(answer);
    this.modifiedMs = Date.parse(this.identity.modified ?? '') || 0;
    const bytes = new Uint8Array(Math.min(FIRST_BYTES, this.size));
    await this.fill(answer, bytes.subarray(0, range.end));
    if (range.end < bytes.length) await this.fetch(bytes.subarray(range.end), range.end);
    return bytes;
  }

  /** Of an answer with a part. @throws HttpFailure when it holds none, ImgoptError for a final status */
  private rangeOf(answer: IncomingMessage): ByteRange & { size: number } {
    if (answer.statusCode !== 206) {
      answer.destroy();
      throw statusFailure(answer);
    }
    const match = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(answer.headers['content-range'] ?? '');
    const encoding = answer.headers['content-encoding'] ?? 'identity';
    const [start, last, size] = (match ?? []).slice(1).map(Number);
    if (
      start === undefined ||
      last === undefined ||
      size === undefined ||
      encoding !== 'identity' ||
      !(last >= start && last < size) ||
      !Number.isSafeInteger(size)
    ) {
      answer.destroy();
      throw wrongRange();
    }
    return { start, end: last + 1, size };
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.path);
    if (target.length >= DIRECT_BYTES) {
      const pieces: Promise<void>[] = [];
      for (let at = 0; at < target.length; at += PIECE_BYTES)
        pieces.push(this.fetch(target.subarray(at, at + PIECE_BYTES), offset + at));
      // All of them have ended before the caller gets its buffer back, even when one fails.
      for (const piece of await Promise.allSettled(pieces))
        if (piece.status === 'rejected') throw piece.reason;
      return;
    }
    const first = Math.floor(offset / BLOCK_BYTES);
    const last = Math.ceil((offset + target.length) / BLOCK_BYTES);
    for (let block = first; block < last; block++)
      if (!this.blocks.has(block)) block = this.load(block, last) - 1;
    const wanted = Array.from({ length: last - first }, (_, i) => this.touch(first + i));
    for (const [i, bytes] of (await Promise.all(wanted)).entries()) {
      const at = (first + i) * BLOCK_BYTES;
      const from = Math.max(offset, at);
      const to = Math.min(offset + target.length, at + bytes.length);
      if (to > from) target.set(bytes.subarray(from - at, to - at), from - offset);
    }
  }

  private touch(block: number): Promise<Uint8Array> {
    const bytes = this.blocks.get(block)!;
    this.blocks.delete(block);
    this.blocks.set(block, bytes);
    return bytes;
  }

  /**
   * Asks for missing blocks from `block` on: those that are wanted, and some ahead for a reader that goes forward.
   * @returns the first block behind them
   */
  private load(block: number, wantedEnd: number): number {
    const end = Math.ceil(this.size / BLOCK_BYTES);
    const stream = this.streams.find(({ next }) => next === block);
    const ahead = stream === undefined ? 0 : Math.min(MAX_AHEAD_BLOCKS, Math.max(1, stream.ahead * 2));
    const stop = Math.min(end, Math.max(wantedEnd, block + ahead));
    let next = block;
    while (next < stop && !this.blocks.has(next)) next++;
    this.streams = [{ next, ahead }, ...this.streams.filter((one) => one !== stream)].slice(0, STREAMS);
    const start = block * BLOCK_BYTES;
    const bytes = new Uint8Array(Math.min(this.size, next * BLOCK_BYTES) - start);
    const loading = this.fetch(bytes, start);
    for (let i = block; i < next; i++) {
      const at = (i - block) * BLOCK_BYTES;
      // A copy, so that one block that is kept does not keep all of its request.
      const one = loading.then(() => bytes.slice(at, at + BLOCK_BYTES));
      one.catch(() => this.blocks.delete(i));
      this.blocks.set(i, one);
    }
    for (const oldest of this.blocks.keys()) {
      if (this.blocks.size <= HTTP_CACHE_BYTES / BLOCK_BYTES) break;
      if (oldest < block || oldest >= wantedEnd) this.blocks.delete(oldest);
    }
    return next;
  }

  /** Fills `target` from `offset` of the file, with as many requests as it takes. */
  private async fetch(target: Uint8Array, offset: number): Promise<void> {
    let filled = 0;
    await withRetries(this.path, this.options, async (advanced) => {
      while (filled < target.length) {
        const answer = await this.client.get([offset + filled, offset + target.length - 1]);
        if (answer.statusCode === 200 && this.isSame(answer)) {
          answer.destroy();
          throw new HttpFailure('HTTP_NO_RANGES', 'the server sends all of the file for a part of it', {
            isPassing: true,
          });
        }
        if (answer.statusCode === 200 || answer.statusCode === 412 || answer.statusCode === 416) {
          answer.destroy();
          throw changed();
        }
        const range = this.rangeOf(answer);
        if (range.size !== this.size || !this.isSame(answer)) {
          answer.destroy();
          throw changed();
        }
        const begun = offset + filled;
        if (range.start !== begun || range.end > offset + target.length) {
          answer.destroy();
          throw wrongRange();
        }
        await this.fill(answer, target.subarray(filled, filled + range.end - range.start), (bytes) => {
          filled += bytes;
          advanced();
        });
      }
    });
  }

  private isSame(answer: IncomingMessage): boolean {
    const { etag, modified } = identityOf(answer);
    const known = this.identity;
    return known !== undefined && etag === known.etag && modified === known.modified;
  }

  private async fill(
    answer: IncomingMessage,
    target: Uint8Array,
    onBytes?: (bytes: number) => void,
  ): Promise<void> {
    let at = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (at + chunk.length > target.length) throw wrongRange();
      target.set(chunk, at);
      at += chunk.length;
      this.received += chunk.length;
      onBytes?.(chunk.length);
    }
    if (at < target.length)
      throw new HttpFailure('HTTP_CUT_SHORT', `the server sent ${at} bytes of ${target.length}`, {
        isPassing: true,
      });
  }

  extents(range: ByteRange = { start: 0, end: this.size }): AsyncIterable<readonly BlockExtent[]> {
    return wholeAs('data', range);
  }

  async close(): Promise<void> {
    this.client.close();
  }
}

function identityOf({ headers }: IncomingMessage): Identity {
  return { etag: headers.etag, modified: headers['last-modified'] };
}

function wrongRange(): HttpFailure {
  return new HttpFailure('HTTP_WRONG_RANGE', 'the server sends another part than was asked for', {
    isPassing: true,
  });
}

function changed(): HttpFailure {
  return new HttpFailure('HTTP_CHANGED', 'changed on the server while it was read', {
    advice: 'read it again when it is complete',
  });
}
