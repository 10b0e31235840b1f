/** Archives that no tool would write: each gives one error of ours, with its code, or the members it does hold. */
import { describe, expect, it } from 'vitest';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { type TarMember, walkTar } from '../../src/sources/tar.ts';
import { parseNumber } from '../../src/sources/tar-layout.ts';
import { end, header, member, pax, record } from '../support/tar-made.ts';

async function walk(...blocks: Uint8Array[]): Promise<TarMember[]> {
  const members: TarMember[] = [];
  const source = memorySource(Buffer.concat(blocks));
  for await (const one of walkTar(source, new AbortController().signal)) members.push(one);
  return members;
}

describe('tar', () => {
  it('finds members where they are', async () => {
    const members = await walk(
      member({ name: 'a' }, 'first'),
      member({ name: 'b/', type: '5' }),
      member({ name: 'c' }, 'x'.repeat(600)),
      end(),
    );
    expect(members.map(({ name, type, offset, size }) => [name, type, offset, size])).toEqual([
      ['a', FILE_TYPE.file, 512, 5],
      ['b/', FILE_TYPE.directory, 1536, 0],
      ['c', FILE_TYPE.file, 2048, 600],
    ]);
  });

  it('ends where the file ends, and at zeros', async () => {
    expect(await walk(member({ name: 'a' }, 'x'))).toHaveLength(1);
    expect(
      await walk(member({ name: 'a' }, 'x'), Buffer.alloc(512), member({ name: 'late' }, 'x')),
    ).toHaveLength(1);
    // The padding of the last member may be missing (bsdtar reads such archives too).
    expect(await walk(member({ name: 'a' }, 'x').subarray(0, 513))).toHaveLength(1);
  });

  it('takes names from pax, GNU and the prefix, and numbers in base 256', async () => {
    const long = 'n'.repeat(300);
    const members = await walk(
      pax(record('path', long) + record('uid', '4000000000') + record('mtime', '-1.5')),
      member({ name: 'short', uid: '1' }, 'x'),
      member({ name: '././@LongLink', type: 'L' }, `${long}2\0`),
      member({ name: 'short' }, 'y'),
      member({ name: 'file', prefix: 'folder', size: Buffer.from('800000000000000000000002', 'hex') }, 'zz'),
      end(),
    );
    expect(members.map(({ name }) => name)).toEqual([long, `${long}2`, 'folder/file']);
    expect(members[0]).toMatchObject({ uid: 4_000_000_000, modified: -2 });
    expect(members[2]).toMatchObject({ size: 2 });
  });

  it.each([
    ['a header with a wrong checksum', [Buffer.from(header({ name: 'a' })).fill('b', 0, 1)], 'TAR_HEADER'],
    [
      'a member that is cut short',
      [member({ name: 'a' }, 'x'.repeat(2000)).subarray(0, 1024)],
      'TAR_TRUNCATED',
    ],
    ['a size beyond the file', [header({ name: 'a', size: '77777777777' })], 'TAR_TRUNCATED'],
    ['a size that is no number', [header({ name: 'a', size: '12x' })], 'TAR_NUMBER'],
    ['a negative size', [header({ name: 'a', size: Buffer.alloc(12, 0xff) })], 'TAR_SIZE'],
    [
      'a size beyond 2^53',
      [header({ name: 'a', size: Buffer.from('80ffffffffffffffffffffff', 'hex') })],
      'TAR_NUMBER',
    ],
    ['a pax header of gigabytes', [header({ name: 'x', type: 'x', size: '37777777777' })], 'TAR_EXTENSION'],
    ['a broken pax header', [pax('99 path=a\n'), member({ name: 'a' }, '')], 'TAR_PAX'],
    ['a pax record of length 0', [pax('0 path=a\n'), member({ name: 'a' }, '')], 'TAR_PAX'],
    ['a pax size that is text', [pax(record('size', 'large')), member({ name: 'a' }, '')], 'TAR_PAX'],
    [
      'a name longer than PATH_MAX',
      [pax(record('path', 'n'.repeat(5000))), member({ name: 'a' }, '')],
      'TAR_NAME',
    ],
    ['a name with a NUL', [pax(record('path', 'a\0b')), member({ name: 'a' }, '')], 'TAR_NAME'],
    [
      'a part of another archive',
      [header({ name: 'a', type: 'M', size: '1' }), Buffer.alloc(512)],
      'TAR_VOLUMES',
    ],
    [
      'a sparse map that goes backwards',
      [
        pax(record('GNU.sparse.size', '10000') + record('GNU.sparse.map', '4096,10,0,10')),
        member({ name: 'a' }, 'x'.repeat(20)),
      ],
      'TAR_SPARSE',
    ],
    [
      'a sparse map beyond the end of the file',
      [
        pax(record('GNU.sparse.size', '100') + record('GNU.sparse.map', '4096,10')),
        member({ name: 'a' }, 'x'.repeat(20)),
      ],
      'TAR_SPARSE',
    ],
    [
      'a sparse map of more than is stored',
      [
        pax(record('GNU.sparse.size', '90000') + record('GNU.sparse.map', '0,80000')),
        member({ name: 'a' }, 'x'.repeat(20)),
      ],
      'TAR_SPARSE',
    ],
    [
      'a sparse map of a billion stretches',
      [
        pax(
          record('GNU.sparse.major', '1') +
            record('GNU.sparse.minor', '0') +
            record('GNU.sparse.realsize', '9'),
        ),
        member({ name: 'a' }, '1000000000\n'.padEnd(512, '\0')),
      ],
      'TAR_SPARSE',
    ],
    [
      'a sparse map without an end',
      [
        pax(
          record('GNU.sparse.major', '1') +
            record('GNU.sparse.minor', '0') +
            record('GNU.sparse.realsize', '9'),
        ),
        member({ name: 'a' }, '5\n0\n1\n'.padEnd(512, '7')),
      ],
      'TAR_SPARSE',
    ],
  ] as const)('%s', async (_, blocks, code) => {
    await expect(walk(...blocks, end())).rejects.toMatchObject({ code: `IMGOPT_${code}` });
  });

  it('half a header at the end', async () => {
    const half = header({ name: 'b' }).subarray(0, 100);
    await expect(walk(member({ name: 'a' }, 'x'), half)).rejects.toMatchObject({
      code: 'IMGOPT_TAR_TRUNCATED',
    });
  });

  it('numbers', () => {
    expect(parseNumber(Buffer.from('0000644\0'), 'mode')).toBe(0o644);
    expect(parseNumber(Buffer.from('   755 \0'), 'mode')).toBe(0o755);
    expect(parseNumber(Buffer.alloc(8), 'mode')).toBe(0);
    expect(parseNumber(Buffer.from('ffffffffffffffff', 'hex'), 'mtime')).toBe(-1);
    expect(parseNumber(Buffer.from('8000000000000100', 'hex'), 'size')).toBe(256);
  });
});
