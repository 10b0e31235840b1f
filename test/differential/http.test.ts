/** Over a real web server: nginx on loopback says what was asked of it. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RemoteFiles } from '../../src/cli/remote.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { openHttpSource } from '../../src/sources/http.ts';
import { FIXTURES, fixturePath } from '../support/fixtures.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { noise } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const folder = temporaryFolder();
const root = join(folder, 'root');

function filesOf(flags: ConstructorParameters<typeof RemoteFiles>[0] = {}): RemoteFiles {
  return new RemoteFiles(flags, { NETRC: '/dev/null' }, new RunContext({ log: new DiagnosticLog() }));
}

async function inspected(address: string, remote = filesOf()) {
  const context = new RunContext({ log: new DiagnosticLog() });
  return inspect(await remote.admit(address), context, { drivers: createRegistry(), remote });
}

describeWithTools(['nginx', 'mke2fs', 'qemu-img'], 'nginx', () => {
  let nginx: Nginx;
  let other: Nginx;

  beforeAll(async () => {
    mkdirSync(root);
    symlinkSync(fixturePath('debian-mini/debian-mini.qcow2'), join(root, 'mini.qcow2'));
    for (const name of ['snapshots.qcow2', 'v3-overlay.qcow2', 'v3-zstd.qcow2'])
      symlinkSync(join(FIXTURES, 'qcow2', name), join(root, name));
    symlinkSync(fixturePath('qcow2/v2-zlib.qcow2'), join(root, 'v2-zlib.qcow2'));
    writeFileSync(join(root, 'users'), `user:{PLAIN}secret\n`);
    other = await startNginx(join(folder, 'other'), root);
    nginx = await startNginx(
      join(folder, 'nginx'),
      root,
      `location /private/ { auth_basic x; auth_basic_user_file ${join(root, 'users')}; alias ${root}/; }
       location /moved/ { return 302 ${other.address}/mini.qcow2; }
       location /whole/ { max_ranges 0; alias ${root}/; }`,
    );
  });

  afterAll(async () => {
    await nginx.stop();
    await other.stop();
  });

  it('gives the bytes of the file, large and small', async () => {
    const source = await openHttpSource(`${nginx.address}/mini.qcow2`);
    const expected = readFileSync(fixturePath('debian-mini/debian-mini.qcow2'));
    const bytes = Buffer.alloc(source.size);
    await source.read(bytes, 0);
    expect(bytes.equals(expected)).toBe(true);
    for (let at = 1; at < source.size; at += 99_991) {
      const piece = Buffer.alloc(Math.min(50_000, source.size - at));
      await source.read(piece, at);
      expect(piece.equals(expected.subarray(at, at + piece.length))).toBe(true);
    }
    await source.close();
    const asked = nginx.log().filter(({ path }) => path === '/mini.qcow2');
    expect(asked.length).toBe(source.requests);
    expect(asked.reduce((sum, { bytes: sent }) => sum + sent, 0)).toBe(source.received);
  });

  it('asks for a password and is told, without telling the server that it redirects to', async () => {
    await expect(inspected(`${nginx.address}/private/mini.qcow2`)).rejects.toMatchObject({
      code: 'IMGOPT_HTTP_UNAUTHORIZED',
    });
    const address = new URL(`${nginx.address}/private/mini.qcow2`);
    address.username = 'user';
    address.password = 'secret';
    const found = await inspected(address.href);
    expect(found.packages.length).toBeGreaterThan(0);
    await found.close();
    const moved = await inspected(
      `${nginx.address}/moved/`,
      filesOf({ header: ['Authorization: Bearer secret'] }),
    );
    expect(moved.packages.length).toBe(found.packages.length);
    await moved.close();
    const auth = (one: Nginx, path: string) =>
      new Set(
        one
          .log()
          .filter((line) => line.path.startsWith(path))
          .map((line) => line.authorization),
      );
    expect([...auth(nginx, '/moved/')]).toEqual(['Bearer secret']);
    expect([...auth(other, '/mini')]).toEqual(['-']);
  });

  it('without ranges is refused, and downloaded when asked to', async () => {
    await expect(inspected(`${nginx.address}/whole/mini.qcow2`)).rejects.toMatchObject({
      code: 'IMGOPT_HTTP_NO_RANGES',
      advice: 'fetch it first with --download',
    });
    const remote = filesOf({ download: true });
    const found = await inspected(`${nginx.address}/whole/mini.qcow2`, remote);
    expect(found.packages.length).toBeGreaterThan(0);
    await found.close();
    await remote.dispose();
  });

  it('gives a backing file that lies beside the image', async () => {
    const info = JSON.parse(
      await runTool('qemu-img', ['info', '--output=json', join(root, 'v3-overlay.qcow2')]),
    ) as {
      'backing-filename': string;
    };
    const remote = filesOf();
    const { openArtifact } = await import('../../src/inspect/image-context.ts');
    const rules = { formats: createRegistry().formats, followOutside: false, remote };
    const artifact = await openArtifact(
      await remote.admit(`${nginx.address}/v3-overlay.qcow2`),
      new RunContext({ log: new DiagnosticLog() }),
      rules,
    );
    expect(artifact.disk.files.map(({ role, path }) => [role, path.slice(nginx.address.length + 1)])).toEqual(
      [
        ['image', 'v3-overlay.qcow2'],
        ['backing', info['backing-filename']],
      ],
    );
    const bytes = Buffer.alloc(artifact.disk.source.size);
    for (let at = 0; at < bytes.length; at += 16 << 20)
      await artifact.disk.source.read(bytes.subarray(at, at + (16 << 20)), at);
    await artifact.close();
    const raw = join(folder, 'overlay.raw');
    await runTool('qemu-img', ['convert', '-O', 'raw', join(root, 'v3-overlay.qcow2'), raw]);
    const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
    expect(hash(bytes)).toBe(hash(readFileSync(raw)));
  });

  it('sends little of a large image', async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'etc'), { recursive: true });
    for (let i = 0; i < 2000; i++) writeFileSync(join(tree, 'etc', `file-${i}`), `${i}\n`);
    for (let i = 0; i < 12; i++) writeFileSync(join(tree, `large-${i}`), noise(16 << 20, i + 1));
    const raw = join(folder, 'large.raw');
    await runTool('mke2fs', ['-q', '-t', 'ext4', '-d', tree, raw, '256M']);
    await runTool('qemu-img', ['convert', '-O', 'qcow2', raw, join(root, 'large.qcow2')]);
    const found = await inspected(`${nginx.address}/large.qcow2`);
    expect(found.table.count).toBeGreaterThan(2012);
    const { fileSize } = found.artifact;
    await found.close();
    const sent = nginx
      .log()
      .filter(({ path }) => path === '/large.qcow2')
      .reduce((sum, { bytes }) => sum + bytes, 0);
    expect(fileSize).toBeGreaterThan(190 << 20);
    expect(sent / fileSize).toBeLessThan(0.03);
  });
});
