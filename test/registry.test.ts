import { describe, expect, it } from 'vitest';
import type { Contribution } from '../src/core/contracts/registry.ts';
import { ImgoptError } from '../src/core/errors.ts';
import { createRegistry } from '../src/registry.ts';

const format = (name: string) => ({
  name,
  probe: () => undefined,
  open: () => Promise.reject(new Error('not opened')),
});
const plugin = (owner: string, contribution: Partial<Contribution>) => ({
  owner,
  contribution: { apiVersion: 1, ...contribution } as Contribution,
});
const failure = (work: () => unknown): ImgoptError => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ImgoptError);
    return error as ImgoptError;
  }
  throw new Error('did not throw');
};

describe('the registry', () => {
  it('asks for signatures first, for recognisers then, and for raw last', () => {
    const { formats, volumeSystems, filesystems, packageDatabases } = createRegistry();
    const names = formats.map(({ name }) => name);
    expect(names.slice(-2)).toEqual(['recognised', 'raw']);
    expect(names).toContain('qcow2');
    expect(names).toContain('vmdk');
    expect(volumeSystems.map(({ name }) => name).slice(0, 2)).toEqual(['gpt', 'mbr']);
    expect(packageDatabases.map(({ manager }) => manager)).toContain('dpkg');
    // A copy of a boot sector may be left over from what was there before: whoever knows better comes first.
    expect(filesystems.at(-1)!.name).toBe('ntfs-backup');
    // Recognisers must not hide a driver that reads.
    const reads = filesystems.slice(0, -1).map((one) => one.open !== undefined);
    expect(reads.lastIndexOf(true)).toBeLessThan(reads.indexOf(false));
  });

  it('is frozen, and the same whatever order plugins come in', () => {
    const a = plugin('a', { formats: [format('nvdx')] });
    const b = plugin('b', { formats: [format('qwed')] });
    const names = (plugins: Parameters<typeof createRegistry>[0]) =>
      createRegistry(plugins).formats.map(({ name }) => name);
    expect(names([a, b])).toEqual(names([b, a]));
    expect(names([a, b]).slice(-4)).toEqual(['nvdx', 'qwed', 'recognised', 'raw']);
    const registry = createRegistry([a]);
    expect(Object.isFrozen(registry)).toBe(true);
    expect(Object.isFrozen(registry.formats)).toBe(true);
  });

  it('names both owners of a duplicate', () => {
    const twice = failure(() =>
      createRegistry([
        plugin('imgopt-b', { formats: [format('nvdx')] }),
        plugin('imgopt-a', { formats: [format('nvdx')] }),
      ]),
    );
    expect(twice).toMatchObject({ code: 'IMGOPT_DUPLICATE_DRIVER', exitCode: 2 });
    expect(twice.message).toBe("imgopt-a and imgopt-b both contribute the image format 'nvdx'");
    const own = failure(() => createRegistry([plugin('imgopt-c', { formats: [format('qcow2')] })]));
    expect(own.message).toBe("imgopt and imgopt-c both contribute the image format 'qcow2'");
  });

  it('refuses drivers for another version of the API', () => {
    const error = failure(() => createRegistry([plugin('imgopt-d', { apiVersion: 2 as 1 })]));
    expect(error).toMatchObject({ code: 'IMGOPT_PLUGIN_API', exitCode: 2 });
    expect(error.message).toContain('imgopt-d');
  });
});
