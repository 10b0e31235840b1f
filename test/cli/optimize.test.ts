/** The command: outputs, exit codes, and what is left behind when something goes wrong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { imgopt, ROOT } from '../support/cli.ts';
import { hashOf } from '../support/optimize.ts';

const IMAGE = join(ROOT, 'test', 'fixtures', 'debian-mini', 'debian-mini.qcow2');
const RUN = join(ROOT, 'bin', 'run.js');
let root: string;
let folder: string;
let input: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'imgopt-optimize-'));
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
  input = join(folder, 'in.qcow2');
  copyFileSync(IMAGE, input);
});

/** The input as it was, these files, and nothing else. */
function expectFiles(...more: string[]): void {
  expect(readdirSync(folder).sort()).toEqual(['in.qcow2', ...more].sort());
  expect(hashOf(input)).toBe(hashOf(IMAGE));
}

describe('optimize', () => {
  test('says what the suggestions of analyze could still save, and no more than they', async () => {
    const [optimized, analyzed] = await Promise.all([
      imgopt(['optimize', input, '--dry-run', '--json'], { cwd: folder }),
      imgopt(['analyze', input, '--json'], { cwd: folder }),
    ]);
    const { savings } = JSON.parse(optimized.stdout) as {
      savings: Record<string, { suggestions: number; reclaimable: number }>;
    };
    const { suggestions } = JSON.parse(analyzed.stdout) as {
      suggestions: { rule: string; safety: string; reclaimable: number; needsUnusedDropped: boolean }[];
    };
    for (const safety of ['safe', 'review', 'risky']) {
      const those = suggestions.filter((one) => one.safety === safety && one.needsUnusedDropped);
      expect(savings[safety], safety).toEqual({
        suggestions: those.length,
        reclaimable: those.reduce((sum, one) => sum + one.reclaimable, 0),
      });
    }
    expect(savings.safe!.reclaimable).toBeGreaterThan(0);
  });

  test('writes the image and says what became of the bytes', async () => {
    const { code, stdout, stderr } = await imgopt(['optimize', input, '-o', 'out.qcow2'], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^before .*qcow2/m);
    expect(stdout).toMatch(/^unused .*dropped/m);
    expect(stdout).toMatch(/^after .*qcow2 zlib/m);
    expect(stdout).toContain('files alike');
    expect(stdout).toMatch(/^files that could go before the next build: .* safe/m);
    expectFiles('out.qcow2');
  });

  test('--json is one document with the books', async () => {
    const { code, stdout } = await imgopt(['optimize', input, '-o', 'out.raw', '--to', 'raw', '--json'], {
      cwd: folder,
    });
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as {
      schema: string;
      books: Record<string, number>;
      output: { fileSize: number };
    };
    expect(result.schema).toBe('imgopt.optimize/1');
    const { data, stale, swap, zero, kept } = result.books;
    expect(stale! + swap! + zero! + kept!).toBe(data);
  });

  test('the same input and options give the same bytes', async () => {
    for (const [name, threads] of [
      ['a', '1'],
      ['b', '3'],
    ] as const) {
      const { code } = await imgopt(
        ['optimize', input, '-o', `${name}.qcow2`, '--threads', threads, '--compress', 'zstd'],
        { cwd: folder },
      );
      expect(code).toBe(0);
    }
    expect(hashOf(join(folder, 'a.qcow2'))).toBe(hashOf(join(folder, 'b.qcow2')));
  });

  test('--dry-run foretells and writes nothing', async () => {
    const { code, stdout } = await imgopt(['optimize', input, '--dry-run'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/predicted, ±/);
    expectFiles();
  });

  test('raw streams to standard output', async () => {
    const piped = join(folder, 'piped.raw');
    await imgopt(['optimize', input, '-o', 'file.raw', '--to', 'raw'], { cwd: folder });
    const child = spawn(
      'sh',
      ['-c', `"${process.execPath}" "${RUN}" optimize in.qcow2 --to raw -o - --quiet > piped.raw`],
      { cwd: folder },
    );
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(hashOf(piped)).toBe(hashOf(join(folder, 'file.raw')));
    const { code, stderr } = await imgopt(['optimize', input, '-o', '-'], { cwd: folder });
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_NOT_STREAMABLE');
  });

  const REFUSED: [string, string[], number, string][] = [
    ['no output', [], 2, 'IMGOPT_NO_OUTPUT'],
    ['an output that is the input', ['-o', 'in.qcow2', '--force'], 2, 'IMGOPT_OUTPUT_IS_INPUT'],
    ['a format that nobody writes', ['-o', 'o', '--to', 'floppy'], 2, 'IMGOPT_NO_WRITER'],
    ['a name that says another format', ['-o', 'out.vmdk'], 2, 'IMGOPT_OUTPUT_FORMAT'],
    ['a level that does not exist', ['-o', 'o', '--level', '99'], 2, 'IMGOPT_BAD_LEVEL'],
    ['clusters of no power of two', ['-o', 'o', '--cluster-size', '3000'], 2, 'IMGOPT_QCOW2_CLUSTER_SIZE'],
    [
      'a filesystem that is not there',
      ['-o', 'o', '--keep-unused', '/nowhere'],
      2,
      'IMGOPT_UNKNOWN_FILESYSTEM',
    ],
    ['a backing file that is not there', ['-o', 'o', '--keep-backing'], 2, 'IMGOPT_NO_BACKING'],
    ['work in place', ['--in-place'], 3, 'IMGOPT_IN_PLACE'],
    ['a folder that is not there', ['-o', 'nowhere/o'], 4, 'IMGOPT_ENOENT'],
  ];
  for (const [name, args, exit, expected] of REFUSED) {
    test(`refuses ${name}`, async () => {
      const { code, stderr } = await imgopt(['optimize', 'in.qcow2', ...args], { cwd: folder });
      expect(stderr).toContain(expected);
      expect(code).toBe(exit);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expectFiles();
    });
  }

  test('leaves an output that exists alone without --force', async () => {
    writeFileSync(join(folder, 'out.qcow2'), 'mine');
    const { code, stderr } = await imgopt(['optimize', input, '-o', 'out.qcow2'], { cwd: folder });
    expect(code).toBe(4);
    expect(stderr).toContain('IMGOPT_OUTPUT_EXISTS');
    expect(readFileSync(join(folder, 'out.qcow2'), 'utf8')).toBe('mine');
    expect((await imgopt(['optimize', input, '-o', 'out.qcow2', '--force'], { cwd: folder })).code).toBe(0);
    expectFiles('out.qcow2');
  });

  test('a truncated image is exit 3 and no output', async () => {
    truncateSync(input, 1_000_000);
    const { code } = await imgopt(['optimize', input, '-o', 'out.qcow2'], { cwd: folder });
    expect(code).toBe(3);
    expect(existsSync(join(folder, 'out.qcow2'))).toBe(false);
    expect(readdirSync(folder)).toEqual(['in.qcow2']);
  });

  /** Starts work that takes seconds, and waits until its temporary is there. */
  async function busy(): Promise<ReturnType<typeof spawn>> {
    const args = [
      'optimize',
      'in.qcow2',
      '-o',
      'out.qcow2',
      '--compress',
      'zstd',
      '--level',
      '22',
      '--threads',
      '1',
    ];
    const child = spawn(process.execPath, [RUN, ...args], { cwd: folder, stdio: 'ignore' });
    while (child.exitCode === null && !readdirSync(folder).some((name) => name.startsWith('.out'))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return child;
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} leaves nothing behind and exits with 130`, async () => {
      const child = await busy();
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([130, null]);
      expectFiles();
    });
  }

  test('after kill -9 there is no file under the final name', async () => {
    const child = await busy();
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(existsSync(join(folder, 'out.qcow2'))).toBe(false);
    expect(hashOf(input)).toBe(hashOf(IMAGE));
  });

  test('an input that changes while it is read gives no output', async () => {
    const child = await busy();
    utimesSync(input, new Date(), new Date(Date.now() + 5000));
    expect(await once(child, 'close')).toEqual([3, null]);
    expectFiles();
  });
});

test('--to vhd writes what qemu-img calls vpc', async () => {
  const { code, stderr } = await imgopt([
    'optimize',
    input,
    '-o',
    join(folder, 'out.vhd'),
    '--to',
    'vhd',
    '--quiet',
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const written = readFileSync(join(folder, 'out.vhd'));
  expect(written.subarray(-512, -504).toString('latin1')).toBe('conectix');
});
