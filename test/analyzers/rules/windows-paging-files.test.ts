import { expect, it } from 'vitest';
import { windowsPagingFiles } from '../../../src/analyzers/rules/windows-paging-files.ts';
import type { InspectedFilesystem } from '../../../src/core/contracts/inspection.ts';
import { blocks, suggestions } from './support.ts';

const volume = (type: string) => ({
  inspection: {
    filesystems: [
      {
        index: 0,
        section: 0,
        mountPoint: null,
        mounts: [],
        subvolumes: [],
        type,
      } as unknown as InspectedFilesystem,
    ],
  },
});
const tree = { '/pagefile.sys': 800_000_000, '/HIBERFIL.SYS': 400_000_000, '/Windows/pagefile.sys': 100_000 };

it('finds them at the root of a volume that Windows reads', async () => {
  const [found, ...more] = await suggestions(windowsPagingFiles, tree, [], volume('ntfs'));
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(800_000_000, 400_000_000));
});

it('leaves names on other filesystems alone', async () => {
  expect(await suggestions(windowsPagingFiles, tree, [], volume('ext4'))).toEqual([]);
});
