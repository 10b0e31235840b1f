/** How images reach other files, with a format of three lines: its disk is whatever `backing=` and `file=` name. */
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Disk, ImageFormat } from '../../src/core/contracts/disk.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { openArtifact } from '../../src/inspect/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';

const seen: { threads: number; signal: AbortSignal; where: readonly string[] }[] = [];

const chainFormat: ImageFormat = {
  name: 'chain',
  probe({ head }) {
    const text = Buffer.from(head.subarray(0, 5)).toString();
    if (text === 'CHAIN') return { certainty: 'certain', description: 'chain' };
    return text === 'CHAIM'
      ? { certainty: 'resembles', description: 'chain with a damaged magic number' }
      : undefined;
  },
  async open(file, context): Promise<Disk> {
    seen.push({ threads: context.threads, signal: context.signal, where: context.where });
    const bytes = Buffer.alloc(file.size);
    await file.read(bytes, 0);
    const text = bytes.toString();
    const backing = /^backing=(.*)$/m.exec(text)?.[1];
    const format = /^format=(.*)$/m.exec(text)?.[1];
    const other = /^file=(.*)$/m.exec(text)?.[1];
    const below = backing === undefined ? undefined : await context.openImage(backing, format);
    const extent = other === undefined ? undefined : await context.openFile(other);
    return {
      format: 'chain',
      details: {},
      source: file,
      files: [
        { ...context.file, role: 'image', format: 'chain' },
        ...(extent === undefined ? [] : [{ ...extent.file, role: 'extent' as const, format: 'raw' }]),
        ...(below?.files ?? []).map((one) => ({ ...one, role: 'backing' as const })),
      ],
      mapIsExact: true,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  },
};
const rawFormat: ImageFormat = {
  name: 'raw',
  probe: () => undefined,
  async open(file, context) {
    return {
      format: 'raw',
      details: {},
      source: file,
      files: [{ ...context.file, role: 'image', format: 'raw' }],
      mapIsExact: true,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  },
};

const folder = realpathSync(temporaryFolder());
const inside = join(folder, 'images');
mkdirSync(join(inside, 'sub'), { recursive: true });
const write = (path: string, text: string): string => {
  writeFileSync(join(folder, path), text);
  return join(folder, path);
};
write('secret.raw', 'not for you');
write('images/base.raw', 'raw content');

async function open(path: string, followOutside = false) {
  const context = new RunContext({ log: new DiagnosticLog(), threads: 7 });
  return openArtifact(path, context, { formats: [chainFormat, rawFormat], followOutside });
}

async function files(path: string, followOutside = false): Promise<string[]> {
  const artifact = await open(path, followOutside);
  await artifact.close();
  await artifact.close(); // a second time is harmless
  return artifact.disk.files.map((one) => `${one.role} ${one.format} ${one.path.slice(folder.length + 1)}`);
}

async function failure(path: string): Promise<ImgoptError> {
  const error = await open(path).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(ImgoptError);
  return error as ImgoptError;
}

describe('references', () => {
  it('are relative to the image that makes them, and detected or declared', async () => {
    write('images/sub/middle', 'CHAIN\nbacking=../base.raw\nformat=raw\n');
    const top = write('images/top', 'CHAIN\nbacking=sub/middle\nfile=base.raw\n');
    expect(await files(top)).toEqual([
      'image chain images/top',
      'extent raw images/base.raw',
      'backing chain images/sub/middle',
      'backing raw images/base.raw',
    ]);
  });

  it('may be absolute as long as they stay inside', async () => {
    const top = write('images/absolute', `CHAIN\nbacking=${join(inside, 'base.raw')}\n`);
    expect(await files(top)).toContain('backing raw images/base.raw');
  });

  it.each([
    ['a parent folder', '../secret.raw'],
    ['an absolute path', join(folder, 'secret.raw')],
    ['a link that leads out', 'leak.raw'],
    ['a folder that leads out', 'out/secret.raw'],
  ])('never leave the folder without leave: %s', async (_, reference) => {
    for (const [name, target] of [
      ['leak.raw', '../secret.raw'],
      ['out', '..'],
    ] as const) {
      try {
        symlinkSync(target, join(inside, name));
      } catch {
        // made by an earlier case
      }
    }
    for (const kind of ['backing', 'file']) {
      const top = write('images/nosy', `CHAIN\n${kind}=${reference}\n`);
      const error = await failure(top);
      expect(error).toMatchObject({ code: 'IMGOPT_OUTSIDE_FOLDER', exitCode: 3, where: [top] });
      expect(error.message).toContain(reference);
      expect(error.advice).toContain('--follow-outside');
      expect(await files(top, true)).toContain(`${kind === 'file' ? 'extent' : kind} raw secret.raw`);
    }
  });

  it('to a name with the folder as prefix are outside', async () => {
    mkdirSync(join(folder, 'images-too'), { recursive: true });
    write('images-too/x.raw', 'x');
    const top = write('images/prefix', 'CHAIN\nbacking=../images-too/x.raw\n');
    expect((await failure(top)).code).toBe('IMGOPT_OUTSIDE_FOLDER');
  });

  it('that are missing are named', async () => {
    const top = write('images/orphan', 'CHAIN\nbacking=base\u001b[2J.qcow2\n');
    const error = await failure(top);
    expect(error.code).toBe('IMGOPT_BACKING_NOT_FOUND');
    expect(error.message).toBe("its backing file 'base\\x1b[2J.qcow2' is missing");
    expect(error.advice).toContain('put it beside');
    const other = write('images/orphan2', 'CHAIN\nfile=disk-s001.vmdk\n');
    expect((await failure(other)).toLine()).toContain("'disk-s001.vmdk' is missing");
  });

  it('that are empty, a folder or a NUL are refused', async () => {
    expect((await failure(write('images/e1', 'CHAIN\nbacking=\n'))).code).toBe('IMGOPT_BAD_REFERENCE');
    expect((await failure(write('images/e2', 'CHAIN\nbacking=a\0b\n'))).code).toBe('IMGOPT_BAD_REFERENCE');
    expect((await failure(write('images/e3', 'CHAIN\nbacking=sub\n'))).code).toBe('IMGOPT_IS_A_DIRECTORY');
    expect((await failure(write('images/e4', 'CHAIN\nbacking=base.raw\nformat=luks\n'))).code).toBe(
      'IMGOPT_UNKNOWN_FORMAT_NAME',
    );
  });

  it('in a circle, or to oneself, end', async () => {
    const a = write('images/a', 'CHAIN\nbacking=b\n');
    write('images/b', 'CHAIN\nbacking=./sub/../a\n');
    expect((await failure(a)).code).toBe('IMGOPT_BACKING_CIRCLE');
    expect((await failure(write('images/self', 'CHAIN\nbacking=self\n'))).code).toBe('IMGOPT_BACKING_CIRCLE');
  });

  it('end after MAX_BACKING_DEPTH', async () => {
    for (let i = 0; i < 70; i++) write(`images/deep-${i}`, `CHAIN\nbacking=deep-${i + 1}\n`);
    write('images/deep-70', 'CHAIN\n');
    expect((await failure(join(inside, 'deep-0'))).code).toBe('IMGOPT_BACKING_TOO_DEEP');
    expect(await files(join(inside, 'deep-10'))).toHaveLength(61);
  });

  it('of an image that was named by a link may lie beside the link or beside its target', async () => {
    mkdirSync(join(folder, 'links'), { recursive: true });
    write('links/near.raw', 'near');
    write('images/linked', 'CHAIN\nbacking=base.raw\n');
    write('images/linked2', 'CHAIN\nbacking=near.raw\n');
    symlinkSync('../images/linked', join(folder, 'links/one'));
    symlinkSync('../images/linked2', join(folder, 'links/two'));
    expect(await files(join(folder, 'links/one'))).toContain('backing raw images/base.raw');
    expect(await files(join(folder, 'links/two'))).toContain('backing raw links/near.raw');
  });
});

describe('detection', () => {
  it('takes for raw what nobody knows, and remembers what it looks like', async () => {
    const plain = await open(join(inside, 'base.raw'));
    expect([plain.disk.format, plain.resembles]).toEqual(['raw', undefined]);
    await plain.close();
    const damaged = await open(write('images/damaged', 'CHAIM\n'));
    expect([damaged.disk.format, damaged.resembles]).toEqual(['raw', 'chain with a damaged magic number']);
    await damaged.close();
  });

  it('gives drivers the threads and the signal of the run, and the place of what they open', async () => {
    seen.length = 0;
    write('images/lower', 'CHAIN\n');
    const top = write('images/upper', 'CHAIN\nbacking=lower\n');
    const controller = new AbortController();
    const context = new RunContext({ log: new DiagnosticLog(), threads: 7, signal: controller.signal });
    const artifact = await openArtifact(top, context, {
      formats: [chainFormat, rawFormat],
      followOutside: false,
    });
    await artifact.close();
    expect(seen.map(({ threads }) => threads)).toEqual([7, 7]);
    expect(seen.every(({ signal }) => signal === controller.signal)).toBe(true);
    expect(seen.map(({ where }) => where)).toEqual([[top], [top, 'backing file lower']]);
  });

  it('says plainly what is no image', async () => {
    expect(await failure(join(folder, 'nothing.qcow2'))).toMatchObject({
      code: 'IMGOPT_NOT_FOUND',
      exitCode: 3,
    });
    expect(await failure(inside)).toMatchObject({ code: 'IMGOPT_IS_A_DIRECTORY', exitCode: 3 });
    expect(await failure(write('images/empty', ''))).toMatchObject({ code: 'IMGOPT_EMPTY', exitCode: 3 });
  });
});
