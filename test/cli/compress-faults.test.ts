/** What goes wrong around compression: no half output under a final name, the input untouched, the right exit code. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { imgopt, ROOT } from '../support/cli.ts';
import { payload } from '../support/payload.ts';
import { findTool } from '../support/tools.ts';

const data = Buffer.from(payload(9_000_000, 5));
const RUN = join(ROOT, 'bin', 'run.js');
let root: string;
let folder: string;
let input: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'imgopt-faults-'));
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
  input = join(folder, 'disk.raw');
  writeFileSync(input, data);
});

/** Nothing but the input, as it was. */
function expectUntouched(more: readonly string[] = []): void {
  expect(readdirSync(folder).sort()).toEqual(['disk.raw', ...more].sort());
  expect(readFileSync(input).equals(data)).toBe(true);
}

function start(args: readonly string[]): ChildProcess & { errors: () => string } {
  const child = spawn(process.execPath, [RUN, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  child.stdin.on('error', () => {});
  return Object.assign(child, { errors: () => text });
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = await once(child, 'close');
  return code as number | null;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  if (!condition()) throw new Error('it did not happen within 30 s');
}

const isPartial = (name: string): boolean => name.endsWith('.imgopt-partial');
const hasPartial = (): boolean => readdirSync(folder).some(isPartial);

describe('interrupts', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} while compressing: 130, nothing left`, async () => {
      const child = start(['compress', '-', '-o', 'out.zst']);
      child.stdin!.write(data); // and then nothing more comes
      await until(hasPartial);
      child.kill(signal);
      expect(await exitOf(child)).toBe(130);
      expect(child.errors()).toContain('IMGOPT_INTERRUPTED');
      expectUntouched();
    });

    it(`${signal} while decompressing: 130, nothing left`, async () => {
      const packed = gzipSync(data);
      const child = start(['decompress', '-', '-o', 'out.raw']);
      child.stdin!.write(packed.subarray(0, packed.length - 100));
      await until(hasPartial);
      child.kill(signal);
      expect(await exitOf(child)).toBe(130);
      expectUntouched();
    });
  }

  it('SIGTERM while a reader of standard output is stuck', async () => {
    const child = start(['compress', 'disk.raw', '--stdout', '-a', 'gzip', '-l', '1']);
    await once(child.stdout!, 'readable'); // and it is never read
    child.kill('SIGTERM');
    child.stdout!.destroy();
    expect(await exitOf(child)).toBe(130);
    expectUntouched();
  });

  it('SIGKILL leaves the input whole and nothing that looks finished', async () => {
    const child = start(['compress', '-', '-o', 'out.zst']);
    child.stdin!.write(data);
    await until(hasPartial);
    child.kill('SIGKILL');
    await exitOf(child);
    const left = readdirSync(folder).filter((name) => name !== 'disk.raw');
    expect(left.every(isPartial)).toBe(true);
    expect(left.every((name) => name.startsWith('.'))).toBe(true);
  });
});

describe('standard output', () => {
  it('closed by its reader: no message, exit code 4', () => {
    for (const command of ['compress disk.raw --stdout', 'decompress disk.raw.gz --stdout']) {
      writeFileSync(join(folder, 'disk.raw.gz'), gzipSync(data));
      const run = spawnSync(
        'bash',
        [
          '-c',
          `"${process.execPath}" "${RUN}" ${command} --quiet | head -c 100 >/dev/null; echo \${PIPESTATUS[0]}`,
        ],
        { cwd: folder },
      );
      expect(run.stdout.toString()).toBe('4\n');
      expect(run.stderr.toString()).toBe('');
    }
  });

  it.skipIf(!existsSync('/dev/full'))('on a full device: exit code 4', () => {
    const run = spawnSync(
      'bash',
      ['-c', `"${process.execPath}" "${RUN}" compress disk.raw --stdout >/dev/full`],
      {
        cwd: folder,
      },
    );
    expect(run.status).toBe(4);
    expect(run.stderr.toString()).toMatch(/^imgopt: IMGOPT_ENOSPC: .*no space left on device/);
  });

  const script = findTool('script');
  it.skipIf(script === undefined)('is refused when it is a terminal (needs script)', () => {
    const run = spawnSync(
      script!,
      ['-qec', `"${process.execPath}" "${RUN}" compress disk.raw --stdout`, '/dev/null'],
      { cwd: folder, input: '' },
    );
    expect(run.status).toBe(2);
    expect(run.stdout.toString()).toContain('IMGOPT_BINARY_TO_TERMINAL');
  });
});

describe('a full disk', () => {
  const mounts = spawnSync('unshare', ['-rm', 'true']).status === 0;
  it.skipIf(!mounts)('exit code 4 and nothing left (needs unshare -rm)', () => {
    mkdirSync(join(folder, 'small'));
    writeFileSync(join(folder, 'disk.raw.gz'), gzipSync(data));
    for (const command of ['compress disk.raw -o small/out', 'decompress disk.raw.gz -o small/out']) {
      const run = spawnSync(
        'unshare',
        [
          '-rm',
          'bash',
          '-c',
          `mount -t tmpfs -o size=1m none small && { "${process.execPath}" "${RUN}" ${command}; code=$?; ls -A small; exit $code; }`,
        ],
        { cwd: folder },
      );
      expect(run.stderr.toString()).toMatch(/^imgopt: IMGOPT_ENOSPC: .*no space left on device/);
      expect(run.status).toBe(4);
      expect(run.stdout.toString()).toBe('');
    }
    expect(readFileSync(input).equals(data)).toBe(true);
  });
});

describe('the input', () => {
  it('is missing, or a folder', async () => {
    for (const command of ['compress', 'decompress']) {
      expect(await imgopt([command, 'missing.zst'], { cwd: folder })).toMatchObject({ code: 3 });
      expect(await imgopt([command, folder, '-o', 'out'], { cwd: folder })).toMatchObject({ code: 3 });
    }
    expectUntouched();
  });

  it('may not be read', () => {
    const isRoot = process.getuid?.() === 0;
    writeFileSync(join(folder, 'secret'), 'x', { mode: isRoot ? 0o600 : 0 });
    const run = spawnSync(process.execPath, [RUN, 'compress', join(folder, 'secret'), '--stdout'], {
      ...(isRoot ? { uid: 65534, gid: 65534, env: { HOME: '/nonexistent' } } : {}),
      cwd: '/',
    });
    // The nobody of this machine may not be able to reach the repository at all.
    if (run.error !== undefined || run.stderr.toString().includes('Cannot find module')) {
      expect(isRoot).toBe(true);
      return;
    }
    expect(run.stderr.toString()).toMatch(/IMGOPT_EACCES: .*permission denied/);
    expect(run.status).toBe(4);
  });

  for (const [name, change] of [
    ['becomes shorter', () => truncateSync(input, 3_000_000)],
    ['grows', () => appendFileSync(input, 'more')],
  ] as const) {
    it(`${name} while it is read`, async () => {
      // The pipe is full, so the work waits half-way until we read.
      const child = start(['compress', 'disk.raw', '--stdout', '-a', 'gzip', '-l', '1', '--threads', '1']);
      await once(child.stdout!, 'readable');
      change();
      child.stdout!.resume();
      expect(await exitOf(child)).toBe(3);
      expect(child.errors()).toContain('IMGOPT_INPUT_CHANGED');
    });
  }

  it('is the output, by whatever name', async () => {
    linkSync(input, join(folder, 'hard'));
    symlinkSync('disk.raw', join(folder, 'soft'));
    for (const output of ['disk.raw', 'hard', 'soft', './disk.raw']) {
      const run = await imgopt(['compress', 'disk.raw', '-o', output, '--force'], { cwd: folder });
      expect(run).toMatchObject({ code: 2 });
      expect(run.stderr).toContain('IMGOPT_OUTPUT_IS_INPUT');
    }
    expectUntouched(['hard', 'soft']);
    writeFileSync(join(folder, 'x.zst'), zstdCompressSync(data));
    const run = await imgopt(['decompress', 'x.zst', '-o', 'x.zst', '--force'], { cwd: folder });
    expect(run).toMatchObject({ code: 2 });
  });
});

describe('the output', () => {
  it('exists: stays as it is, unless --force', async () => {
    const output = join(folder, 'disk.raw.zst');
    writeFileSync(output, 'precious');
    const refused = await imgopt(['compress', 'disk.raw'], { cwd: folder });
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain('IMGOPT_OUTPUT_EXISTS');
    expect(readFileSync(output, 'utf8')).toBe('precious');
    expect(await imgopt(['compress', 'disk.raw', '--force'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(await imgopt(['decompress', 'disk.raw.zst'], { cwd: folder })).toMatchObject({ code: 4 });
    expectUntouched(['disk.raw.zst']);
  });

  it('is in a folder that does not exist, or is a device', async () => {
    const nowhere = await imgopt(['compress', 'disk.raw', '-o', 'no/where.zst'], { cwd: folder });
    expect(nowhere).toMatchObject({ code: 4 });
    const device = await imgopt(['compress', 'disk.raw', '-o', '/dev/null', '--force'], { cwd: folder });
    expect(device).toMatchObject({ code: 2 });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    expectUntouched();
  });

  it('of a symbolic link goes where it points', async () => {
    writeFileSync(join(folder, 'target'), 'old');
    symlinkSync('target', join(folder, 'link'));
    expect(
      await imgopt(['compress', 'disk.raw', '-o', 'link', '--force', '-a', 'gzip'], { cwd: folder }),
    ).toMatchObject({ code: 0 });
    expect(gunzipSync(readFileSync(join(folder, 'target'))).equals(data)).toBe(true);
  });

  it('is never more open than the input', async () => {
    const secret = join(folder, 'secret');
    writeFileSync(secret, data.subarray(0, 1000), { mode: 0o600 });
    await imgopt(['compress', 'secret'], { cwd: folder });
    expect(statSync(join(folder, 'secret.zst')).mode & 0o777).toBe(0o600);
    await imgopt(['decompress', 'secret.zst', '-o', 'again'], { cwd: folder });
    expect(statSync(join(folder, 'again')).mode & 0o777).toBe(0o600);
  });
});

describe('damaged input of decompress', () => {
  const broken: Record<string, (packed: Buffer) => Buffer> = {
    'cut off': (packed) => packed.subarray(0, packed.length >> 1),
    'without its last byte': (packed) => packed.subarray(0, -1),
    'changed in the middle': (packed) => {
      const copy = Buffer.from(packed);
      copy.fill(0xa5, copy.length >> 1, (copy.length >> 1) + 64);
      return copy;
    },
    'followed by garbage': (packed) => Buffer.concat([packed, Buffer.from('garbage')]),
  };
  const packers = {
    zst: (bytes: Buffer): Buffer =>
      Buffer.concat([
        zstdCompressSync(bytes.subarray(0, 4_000_000), { params: { 201: 1 } }),
        zstdCompressSync(bytes.subarray(4_000_000), { params: { 201: 1 } }),
      ]),
    gz: (bytes: Buffer): Buffer => gzipSync(bytes),
  };
  for (const [suffix, pack] of Object.entries(packers)) {
    for (const [name, damage] of Object.entries(broken)) {
      it(`.${suffix} ${name}: exit code 3, no output, the input stays even with --rm`, async () => {
        const path = join(folder, `x.${suffix}`);
        const bytes = damage(pack(data));
        writeFileSync(path, bytes);
        const run = await imgopt(['decompress', `x.${suffix}`, '--rm', '--json'], { cwd: folder });
        expect(run.code).toBe(3);
        expect(JSON.parse(run.stdout).error).toMatchObject({
          code: expect.stringMatching(/^IMGOPT_(TRUNCATED|GZIP_|ZSTD_|TRAILING_)/),
          message: expect.stringMatching(/0x[0-9a-f]+/),
          where: `x.${suffix}`,
        });
        expectUntouched([`x.${suffix}`]);
        expect(readFileSync(path).equals(bytes)).toBe(true);
      });
    }
  }

  it('a bomb stops at --max-size', async () => {
    writeFileSync(join(folder, 'bomb.gz'), gzipSync(Buffer.alloc(50_000_000)));
    const run = await imgopt(['decompress', 'bomb.gz', '--max-size', '10MB'], { cwd: folder });
    expect(run).toMatchObject({ code: 3 });
    expect(run.stderr).toContain('IMGOPT_OUTPUT_TOO_LARGE');
    expectUntouched(['bomb.gz']);
  });
});

describe('what goes right', () => {
  it('--rm, --verify, --checksum and --json', async () => {
    const run = await imgopt(['compress', 'disk.raw', '--rm', '--checksum', 'sha256', '--json'], {
      cwd: folder,
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const { results } = JSON.parse(run.stdout);
    const sum = spawnSync('sha256sum', ['disk.raw.zst'], { cwd: folder }).stdout.toString().slice(0, 64);
    expect(results).toMatchObject([
      {
        bytesIn: data.length,
        bytesOut: statSync(join(folder, 'disk.raw.zst')).size,
        sha256: sum,
        verified: true,
        removed: true,
      },
    ]);
    expect(existsSync(input)).toBe(false);
    const back = await imgopt(['decompress', 'disk.raw.zst', '--rm', '--checksum', 'sha256'], {
      cwd: folder,
    });
    expect(back.code).toBe(0);
    expect(back.stdout).toBe(spawnSync('sha256sum', ['disk.raw'], { cwd: folder }).stdout.toString());
    expectUntouched();
  });

  it('several inputs: the good ones are done, the exit code tells of the bad one', async () => {
    writeFileSync(join(folder, 'b.raw'), 'b');
    const run = await imgopt(['compress', 'disk.raw', 'missing', 'b.raw'], { cwd: folder });
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('IMGOPT_NOT_FOUND: missing');
    expectUntouched(['b.raw', 'b.raw.zst', 'disk.raw.zst']);
  });

  it.skipIf(process.platform !== 'linux')('holes: zeros take no room, unless --no-sparse', async () => {
    const zeros = Buffer.alloc(32 * 1024 * 1024);
    data.copy(zeros, 10_000_000, 0, 100_000);
    for (const [suffix, packed] of [
      ['gz', gzipSync(zeros, { level: 1 })],
      ['zst', zstdCompressSync(zeros)],
    ] as const) {
      writeFileSync(join(folder, `z.${suffix}`), packed);
      for (const [flag, least, most] of [
        ['--sparse', 0, 200],
        ['--no-sparse', 65536, 70000],
      ] as const) {
        const run = await imgopt(['decompress', `z.${suffix}`, '-o', 'z', '--force', flag], { cwd: folder });
        expect(run.code).toBe(0);
        expect(readFileSync(join(folder, 'z')).equals(zeros)).toBe(true);
        const { blocks } = statSync(join(folder, 'z'));
        expect(blocks).toBeGreaterThanOrEqual(least);
        expect(blocks / 2).toBeLessThanOrEqual(most);
      }
    }
  });

  it('from pipe to pipe', async () => {
    const packed = spawnSync(
      process.execPath,
      [RUN, 'compress', '-', '--algorithm', 'gzip', '--stdout', '--quiet'],
      {
        input: data,
        maxBuffer: 1 << 28,
      },
    );
    expect(gunzipSync(packed.stdout).equals(data)).toBe(true);
    const back = spawnSync(process.execPath, [RUN, 'decompress', '-', '--quiet'], {
      input: packed.stdout,
      maxBuffer: 1 << 28,
    });
    expect(back.stdout.equals(data)).toBe(true);
  });

  it('levels and windows that do not exist', async () => {
    for (const args of [
      ['--level', '23'],
      ['--algorithm', 'gzip', '--level', '10'],
      ['--algorithm', 'gzip', '--long', '27'],
      ['--long', '40'],
    ])
      expect(await imgopt(['compress', 'disk.raw', ...args], { cwd: folder })).toMatchObject({ code: 2 });
    expectUntouched();
  });
});
