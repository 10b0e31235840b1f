/** Reading over HTTP from a server that does everything wrong that a server can. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { ImgoptError } from '../../src/core/errors.ts';
import { MAX_HTTP_ATTEMPTS, MAX_HTTP_REDIRECTS } from '../../src/core/limits.ts';
import { downloadHttp, type HttpOptions, type HttpSource, openHttpSource } from '../../src/sources/http.ts';
import { positionCoded } from '../support/image-context.ts';

const CONTENT = positionCoded(0, 3_000_001, 'http');
const ETAG = '"v1"';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;
const servers: Server[] = [];
const sources: HttpSource[] = [];

afterEach(async () => {
  await Promise.all(sources.splice(0).map((one) => one.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Starts a server; `count` of the handler is the number of the request, from 1. */
async function serve(handler: Handler): Promise<{ address: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    handler(request, response, seen.length);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return { address: `http://127.0.0.1:${port}/disk.raw`, seen };
}

interface Changes {
  readonly etag?: string | undefined;
  readonly total?: number;
  /** Added to the range that the answer claims and sends. */
  readonly shift?: number;
  /** Sent of the body before the connection is reset. */
  readonly cut?: number;
}

/** A sound answer, or one with these changes. */
function part(request: IncomingMessage, response: ServerResponse, changes: Changes = {}): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')!;
  const start = Number(from) + (changes.shift ?? 0);
  const end = Math.min(CONTENT.length, Number(to) + 1 + (changes.shift ?? 0));
  const etag = 'etag' in changes ? changes.etag : ETAG;
  response.writeHead(206, {
    'content-range': `bytes ${start}-${end - 1}/${changes.total ?? CONTENT.length}`,
    'content-length': end - start,
    ...(etag === undefined ? {} : { etag }),
  });
  if (changes.cut === undefined) response.end(CONTENT.subarray(start, end));
  else response.write(CONTENT.subarray(start, start + changes.cut), () => response.destroy());
}

function whole(response: ServerResponse, etag = ETAG): void {
  response.writeHead(200, { 'content-length': CONTENT.length, etag });
  response.end(CONTENT);
}

const FAST: HttpOptions = { pauseMs: 1, timeoutMs: 200 };

async function open(address: string, options: HttpOptions = {}): Promise<HttpSource> {
  const source = await openHttpSource(address, { ...FAST, ...options });
  sources.push(source);
  return source;
}

async function failure(work: Promise<unknown>): Promise<ImgoptError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ImgoptError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

async function expectWhole(source: HttpSource): Promise<void> {
  const bytes = Buffer.alloc(source.size);
  await source.read(bytes, 0);
  expect(bytes.equals(CONTENT)).toBe(true);
}

async function expectAt(source: HttpSource, offset: number, length: number): Promise<void> {
  const bytes = Buffer.alloc(length, 0xee);
  await source.read(bytes, offset);
  expect(bytes.equals(CONTENT.subarray(offset, offset + length))).toBe(true);
}

describe('a sound server', () => {
  it('is asked for no more than is needed, and for nothing twice', async () => {
    const { address, seen } = await serve((request, response) => part(request, response));
    const source = await open(address);
    expect(source).toMatchObject({
      size: CONTENT.length,
      allocated: CONTENT.length,
      requests: 1,
      received: 131072,
    });
    await expectAt(source, 5, 100_000);
    expect(source.requests).toBe(1);
    await expectAt(source, 1_000_000, 10);
    await expectAt(source, 1_000_100, 10);
    expect(source.requests).toBe(2);
    expect(seen[1]!.headers.range).toBe('bytes=999424-1015807');
    expect(seen[1]!.headers['accept-encoding']).toBe('identity');
    // Two that want the same at once are one request.
    await Promise.all([expectAt(source, 2_000_000, 10), expectAt(source, 2_000_050, 10)]);
    expect(source.requests).toBe(3);
    expect((await failure(source.read(Buffer.alloc(2), CONTENT.length - 1))).code).toBe(
      'IMGOPT_READ_PAST_END',
    );
  });

  it('is read ahead of who goes forward, in larger and larger pieces', async () => {
    const { address } = await serve((request, response) => part(request, response));
    const source = await open(address);
    for (let at = 131072; at + 4096 < CONTENT.length; at += 4096) await expectAt(source, at, 4096);
    expect(source.requests).toBeLessThan(12); // of 176 blocks
    expect(source.received).toBeLessThanOrEqual(CONTENT.length);
  });

  it('gives all of it in any order and size', async () => {
    const { address } = await serve((request, response) => part(request, response));
    const source = await open(address);
    await expectWhole(source);
    let state = 7;
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let i = 0; i < 200; i++) {
      const offset = next(CONTENT.length);
      await expectAt(source, offset, next(Math.min(700_000, CONTENT.length - offset)));
    }
  });

  it('may answer with less than was asked for', async () => {
    const { address } = await serve((request, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!;
      request.headers.range = `bytes=${from}-${Math.min(Number(to), Number(from) + 50_000)}`;
      part(request, response);
    });
    await expectWhole(await open(address));
  });
});

describe('passing failures', () => {
  const once =
    (fault: Handler): Handler =>
    (request, response, count) =>
      count === 2 ? fault(request, response, count) : part(request, response);

  it.each<[string, Handler]>([
    ['a reset before the answer', (_, response) => response.destroy()],
    ['a reset in the middle', (request, response) => part(request, response, { cut: 12_345 })],
    ['silence', () => {}],
    ['a wrong range', (request, response) => part(request, response, { shift: 512 })],
    ['all of the file', (_, response) => whole(response)],
    ['a part without saying which', (_, response) => response.writeHead(206, { etag: ETAG }).end('x')],
    [
      'a compressed part',
      (request, response) => {
        response.setHeader('content-encoding', 'gzip');
        part(request, response);
      },
    ],
    ['500', (_, response) => response.writeHead(500).end()],
    ['503 with a wish', (_, response) => response.writeHead(503, { 'retry-after': '0' }).end()],
    ['429', (_, response) => response.writeHead(429).end()],
  ])('%s: tried again', async (_, fault) => {
    const { address, seen } = await serve(once(fault));
    const source = await open(address);
    await expectAt(source, 1_000_000, 100_000);
    expect(seen.length).toBeGreaterThanOrEqual(3);
  });

  it('go on where they broke off', async () => {
    const { address, seen } = await serve(
      once((request, response) => part(request, response, { cut: 65_536 })),
    );
    const source = await open(address);
    await expectAt(source, 1_048_576, 131_072);
    expect(seen[2]!.headers.range).toBe(`bytes=${1_048_576 + 65_536}-${1_048_576 + 131_071}`);
  });

  it.each<[string, Handler, string]>([
    ['resets', (_, response) => response.destroy(), 'HTTP_ECONNRESET'],
    ['silence', () => {}, 'HTTP_TIMEOUT'],
    ['wrong ranges', (request, response) => part(request, response, { shift: 512 }), 'HTTP_WRONG_RANGE'],
    ['all of the file', (_, response) => whole(response), 'HTTP_NO_RANGES'],
    ['500', (_, response) => response.writeHead(500).end(), 'HTTP_STATUS'],
  ])('%s for ever: given up with exit code 4', async (_, fault, code) => {
    const { address, seen } = await serve((request, response, count) =>
      count === 1 ? part(request, response) : fault(request, response, count),
    );
    const source = await open(address);
    const error = await failure(source.read(Buffer.alloc(100), 1_000_000));
    expect(error).toMatchObject({ code: `IMGOPT_${code}`, exitCode: 4 });
    expect(seen.length).toBe(1 + MAX_HTTP_ATTEMPTS);
    expect(error.toLine()).not.toContain('\n');
  });

  it('crumbs between resets do not go on for ever', async () => {
    const { address, seen } = await serve((request, response, count) =>
      part(request, response, count === 1 ? {} : { cut: 1 }),
    );
    const source = await open(address);
    await failure(source.read(Buffer.alloc(100), 1_000_000));
    expect(seen.length).toBeLessThan(100);
  });

  it('end when the run is interrupted', async () => {
    const { address } = await serve((request, response, count) => {
      if (count === 1) part(request, response);
    });
    const controller = new AbortController();
    const source = await open(address, { signal: controller.signal, timeoutMs: 60_000 });
    const reading = source.read(Buffer.alloc(100), 1_000_000);
    setTimeout(() => controller.abort(), 20);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a file that changes', () => {
  it.each<[string, Handler]>([
    ['another ETag', (request, response) => part(request, response, { etag: '"v2"' })],
    ['no ETag any more', (request, response) => part(request, response, { etag: undefined })],
    ['another length', (request, response) => part(request, response, { total: CONTENT.length + 1 })],
    ['all of another one', (_, response) => whole(response, '"v2"')],
    ['a shorter one', (_, response) => response.writeHead(416, { 'content-range': 'bytes */1000' }).end()],
  ])('%s', async (_, fault) => {
    const { address } = await serve((request, response, count) =>
      count === 1 ? part(request, response) : fault(request, response, count),
    );
    const source = await open(address);
    const error = await failure(source.read(Buffer.alloc(100), 1_000_000));
    expect(error).toMatchObject({ code: 'IMGOPT_HTTP_CHANGED', exitCode: 4 });
  });
});

describe('what cannot be opened', () => {
  it.each<[string, Handler, string, number]>([
    ['401', (_, response) => response.writeHead(401).end(), 'HTTP_UNAUTHORIZED', 4],
    ['403', (_, response) => response.writeHead(403).end(), 'HTTP_FORBIDDEN', 4],
    ['404', (_, response) => response.writeHead(404).end(), 'NOT_FOUND', 3],
    ['410', (_, response) => response.writeHead(410).end(), 'NOT_FOUND', 3],
    ['418', (_, response) => response.writeHead(418).end(), 'HTTP_STATUS', 4],
    ['a server without ranges', (_, response) => whole(response), 'HTTP_NO_RANGES', 3],
    [
      'an empty file',
      (_, response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end(),
      'EMPTY',
      3,
    ],
    [
      'an empty file without ranges',
      (_, response) => response.writeHead(200, { 'content-length': 0 }).end(),
      'EMPTY',
      3,
    ],
    [
      'a circle',
      (request, response) => response.writeHead(302, { location: request.url! }).end(),
      'HTTP_REDIRECTS',
      4,
    ],
    [
      'a redirect to a file',
      (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      'HTTP_REDIRECTS',
      4,
    ],
    ['a redirect to nowhere', (_, response) => response.writeHead(302).end(), 'HTTP_REDIRECTS', 4],
    ['no HTTP', (_, response) => response.socket!.end('SSH-2.0-x\r\n'), 'HTTP_HPE_INVALID_CONSTANT', 4],
  ])('%s', async (_, handler, code, exitCode) => {
    const { address } = await serve(handler);
    expect(await failure(open(address))).toMatchObject({ code: `IMGOPT_${code}`, exitCode });
  });

  it('a server that is not there', async () => {
    const { address } = await serve(() => {});
    const server = servers.pop()!;
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(open(address))).toMatchObject({ code: 'IMGOPT_HTTP_ECONNREFUSED', exitCode: 4 });
    expect((await failure(open('ftp://host/file'))).family).toBe('usage');
  });

  it('redirects end', async () => {
    const { address, seen } = await serve((_, response, count) =>
      response.writeHead(301, { location: `/${count}` }).end(),
    );
    await failure(open(address));
    expect(seen.length).toBe(MAX_HTTP_REDIRECTS + 1);
  });
});

describe('secrets', () => {
  const headers = { authorization: 'Bearer SECRET', 'x-token': 'SECRET' };

  it('go to the host that was named, and to no other', async () => {
    const other = await serve((request, response) => part(request, response));
    const { address, seen } = await serve((request, response) =>
      request.url === '/disk.raw'
        ? response.writeHead(307, { location: '/again' }).end()
        : response.writeHead(302, { location: other.address }).end(),
    );
    const source = await open(address, { headers });
    await expectWhole(source);
    expect(seen.map((one) => one.headers.authorization)).toEqual(['Bearer SECRET', 'Bearer SECRET']);
    for (const { headers: got } of other.seen) {
      expect(got.authorization).toBeUndefined();
      expect(got['x-token']).toBeUndefined();
    }
    expect(other.seen.length).toBeGreaterThan(1); // it is asked directly from then on
  });

  it('where a redirect led to may expire', async () => {
    let good = '/one';
    const { address } = await serve((request, response, count) => {
      if (request.url === '/disk.raw') response.writeHead(302, { location: good }).end();
      else if (request.url === good) part(request, response);
      else response.writeHead(403).end();
      if (count === 2) good = '/two';
    });
    await expectAt(await open(address), 1_000_000, 100);
  });

  it('are in no name and no error', async () => {
    const { address } = await serve((_, response) => response.writeHead(403).end());
    const url = new URL(`${address}?signature=SECRET#SECRET`);
    url.username = 'user';
    url.password = 'SECRET';
    const error = await failure(open(url.href, { headers }));
    expect(error.toLine()).not.toContain('SECRET');
    expect(error.where).toEqual([`${address}?…`]);
    expect(String(error.stack)).not.toContain('SECRET');
  });
});

describe('downloads', () => {
  const fetchAll = async (address: string): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of downloadHttp(address, FAST)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it('take all of it from a server without ranges', async () => {
    const { address } = await serve((_, response) => whole(response));
    expect((await fetchAll(address)).equals(CONTENT)).toBe(true);
  });

  it.each<[string, Handler, string]>([
    [
      'cut short',
      (_, response) => {
        response.writeHead(200, { 'content-length': CONTENT.length });
        response.write(CONTENT.subarray(0, 1000), () => response.destroy());
      },
      'HTTP_ECONNRESET',
    ],
    ['forbidden', (_, response) => response.writeHead(403).end(), 'HTTP_FORBIDDEN'],
    ['not there', (_, response) => response.writeHead(404).end(), 'NOT_FOUND'],
  ])('fail when they are %s', async (_, handler, code) => {
    const { address } = await serve(handler);
    expect((await failure(fetchAll(address))).code).toBe(`IMGOPT_${code}`);
  });
});
