/** http(s) artifacts on the command line: who asks, what is shown, and what --download leaves behind. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { netrcEntry } from '../../src/cli/netrc.ts';
import { RemoteFiles } from '../../src/cli/remote.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
const IMAGE = readFileSync(fixturePath('debian-mini/debian-mini.qcow2'));
const seen: IncomingMessage[] = [];
let server: Server;
let host: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(request);
    const url = new URL(request.url!, 'http://x');
    if (url.pathname === '/private.qcow2' && request.headers.authorization === undefined)
      return void response.writeHead(401).end();
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (range === null || url.pathname === '/plain.qcow2')
      return void response.writeHead(200, { 'content-length': IMAGE.length }).end(IMAGE);
    const start = Number(range[1]);
    const end = Math.min(IMAGE.length, Number(range[2]) + 1);
    response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${IMAGE.length}`, etag: '"1"' });
    response.end(IMAGE.subarray(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as { port: number }).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('analyze', () => {
  it('says of an address what it says of the file, and shows no secret', async () => {
    const local = await imgopt(['analyze', fixturePath('debian-mini/debian-mini.qcow2'), '--json']);
    const address = `http://user:SECRET@${host}/private.qcow2?signature=SECRET`;
    const remote = await imgopt(['analyze', address, '--json', '--header', 'X-Key: SECRET']);
    expect(remote.stderr).toBe('');
    expect(remote.code).toBe(local.code);
    const [here, there] = [local, remote].map(({ stdout }) => JSON.parse(stdout) as Report) as [
      Report,
      Report,
    ];
    expect(remote.stdout).not.toContain('SECRET');
    expect(there.artifact.path).toBe(`http://${host}/private.qcow2?…`);
    expect(there.files).toEqual(here.files);
    expect(there.packages).toEqual(here.packages);
    expect(there.filesystems).toEqual(here.filesystems);
    expect(seen.at(-1)!.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('user:SECRET').toString('base64')}`,
      'x-key': 'SECRET',
    });
  });

  it('shows no secret in an error either', async () => {
    for (const args of [
      [`http://${host}/private.qcow2?key=SECRET`],
      [`http://${host}/private.qcow2?key=SECRET`, '--json'],
    ]) {
      const { code, stdout, stderr } = await imgopt(['analyze', ...args]);
      expect(code).toBe(4);
      expect(stdout + stderr).toContain('IMGOPT_HTTP_UNAUTHORIZED');
      expect(stdout + stderr).not.toContain('SECRET');
    }
    const bad = await imgopt(['analyze', `http://${host}/a`, '--header', 'SECRET']);
    expect(bad.code).toBe(2);
    expect(bad.stderr).not.toContain('SECRET');
  });

  it('takes a server without ranges with --download, and leaves nothing behind', async () => {
    const TMPDIR = mkdtempSync(join(folder, 'tmp-'));
    const refused = await imgopt(['analyze', `http://${host}/plain.qcow2`], { env: { TMPDIR } });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/IMGOPT_HTTP_NO_RANGES.*--download/);
    const before = seen.length;
    const { code, stdout } = await imgopt(['analyze', `http://${host}/plain.qcow2`, '--download', '--json'], {
      env: { TMPDIR },
    });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Report).artifact).toMatchObject({
      path: `http://${host}/plain.qcow2`,
      fileSize: IMAGE.length,
    });
    expect(seen.length - before).toBe(1);
    expect(readdirSync(TMPDIR).filter((name) => name.startsWith('imgopt-'))).toEqual([]);
  });
});

describe('check and diff', () => {
  it('take addresses on either side', async () => {
    const address = `http://${host}/disk.qcow2?key=SECRET`;
    const check = await imgopt(['check', address, '--max-size', '1GiB', '--json']);
    expect(check.stderr).toBe('');
    expect(check.code).toBe(0);
    const grown = await imgopt(['check', address, '--max-growth', '0', '--baseline', address]);
    expect(grown.code).toBe(0);
    const diff = await imgopt(['diff', address, `http://${host}/other.qcow2`, '--exit-code']);
    expect(diff.code).toBe(0);
    for (const { stdout, stderr } of [check, grown, diff]) expect(stdout + stderr).not.toContain('SECRET');
  });
});

describe('optimize', () => {
  it('writes what it writes of the file', async () => {
    const [a, b] = [join(folder, 'a.qcow2'), join(folder, 'b.qcow2')];
    expect((await imgopt(['optimize', fixturePath('debian-mini/debian-mini.qcow2'), '-o', a])).code).toBe(0);
    const remote = await imgopt(['optimize', `http://${host}/disk.qcow2`, '-o', b]);
    expect(remote.stderr).not.toContain('error');
    expect(remote.code).toBe(0);
    expect(readFileSync(b).equals(readFileSync(a))).toBe(true);
  });
});

describe('who asks', () => {
  const open = async (
    address: string,
    flags: ConstructorParameters<typeof RemoteFiles>[0],
    environment: Record<string, string>,
  ): Promise<string | undefined> => {
    const context = new RunContext({ log: new DiagnosticLog() });
    const remote = new RemoteFiles(flags, { NETRC: join(folder, 'netrc'), ...environment }, context);
    const source = await remote.open(await remote.admit(address));
    await source.close();
    return seen.at(-1)!.headers.authorization;
  };

  it('is said by --header, the address, the token or netrc, in this order', async () => {
    writeFileSync(join(folder, 'netrc'), 'machine 127.0.0.1 login netrc password pass\n');
    writeFileSync(join(folder, 'headers'), 'Authorization: Custom x\n\n');
    const token = { IMGOPT_HTTP_TOKEN: 't0ken' };
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    const plain = `http://${host}/disk.qcow2`;
    const named = `http://us%20er:p%40ss@${host}/disk.qcow2`;
    expect(await open(named, { header: [`@${join(folder, 'headers')}`] }, token)).toBe('Custom x');
    expect(await open(named, {}, token)).toBe(basic('us er:p@ss'));
    expect(await open(plain, {}, token)).toBe('Bearer t0ken');
    expect(await open(plain, {}, {})).toBe(basic('netrc:pass'));
    writeFileSync(join(folder, 'netrc'), 'machine example.org login netrc password pass\n');
    expect(await open(plain, {}, {})).toBeUndefined();
  });

  it.each(['no colon', 'Bad Name: x', 'X: a\nb', 'Range: bytes=0-1', 'Host: other'])(
    'refuses the header %j',
    async (header) => {
      await expect(open(`http://${host}/disk.qcow2`, { header: [header] }, {})).rejects.toMatchObject({
        code: 'IMGOPT_BAD_HEADER',
      });
    },
  );

  it('keeps apart addresses that look alike, and siblings within their folder', async () => {
    const remote = new RemoteFiles({}, {}, new RunContext({ log: new DiagnosticLog() }));
    const first = await remote.admit('https://h/a/disk.qcow2?key=1');
    const second = await remote.admit('https://h/a/disk.qcow2?key=2');
    expect([first, second]).toEqual(['https://h/a/disk.qcow2?…', 'https://h/a/disk.qcow2?…#2']);
    expect(await remote.admit('https://h/a/disk.qcow2?key=1')).toBe(first);
    expect(await remote.admit('/a/path')).toBe('/a/path');
    expect(remote.beside(first, 'base.qcow2')).toBe('https://h/a/base.qcow2');
    expect(remote.beside(first, 'sub\\base #1.vmdk')).toBe('https://h/a/sub/base #1.vmdk');
    for (const outside of ['../base.qcow2', '/etc/passwd', '//other/x'])
      expect(remote.beside(first, outside)).toBeUndefined();
    await expect(remote.admit('http://')).rejects.toMatchObject({ code: 'IMGOPT_BAD_ADDRESS' });
  });
});

describe('netrc', () => {
  const TEXT = `# machine commented login no password no
machine a.example login one password "with \\"blanks\\" and #"
machine b.example
  login two account x password second
macdef init
  machine trap login no password no

machine c.example login three
default login anonymous password guest`;

  it.each([
    ['a.example', { login: 'one', password: 'with "blanks" and #' }],
    ['A.Example', { login: 'one', password: 'with "blanks" and #' }],
    ['b.example', { login: 'two', password: 'second' }],
    ['c.example', { login: 'three', password: '' }],
    ['trap', { login: 'anonymous', password: 'guest' }],
  ])('%s', (name, expected) => {
    expect(netrcEntry(TEXT, name)).toEqual(expected);
  });

  it('knows nobody without an entry', () => {
    expect(netrcEntry('', 'host')).toBeUndefined();
    expect(netrcEntry('machine host password x', 'host')).toBeUndefined();
    expect(netrcEntry('machine', 'host')).toBeUndefined();
    expect(netrcEntry('login x password y', 'host')).toBeUndefined();
  });
});
