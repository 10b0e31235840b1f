import { expect, it } from 'vitest';
import { windowsPagingFiles } from '../../../src/analyzers/rules/windows-paging-files.ts';
import { blocks, suggestions } from './support.ts';
import { volume } from './windows-support.ts';

const tree = { '/pagefile.sys': 800_000_000, '/HIBERFIL.SYS': 400_000_000, '/Windows/pagefile.sys': 100_000 };

it('finds them at the root of a volume that Windows reads', async () => {
  const [paging, hibernation, ...more] = await suggestions(windowsPagingFiles, tree, [], volume('ntfs'));
  expect(more).toEqual([]);
  expect(paging).toMatchObject({ reclaimable: blocks(800_000_000), shell: 'powershell' });
  expect(hibernation).toMatchObject({
    reclaimable: blocks(400_000_000),
    commands: ['powercfg.exe /hibernate off'],
  });
});

it('leaves names on other filesystems alone', async () => {
  expect(await suggestions(windowsPagingFiles, tree, [], volume('ext4'))).toEqual([]);
});
