import { expect, it } from 'vitest';
import { windowsComponentStore } from '../../../src/analyzers/rules/windows-component-store.ts';
import { blocks, type GuestTree, suggestions } from './support.ts';
import { DIRECTORY, volume, WINDOWS } from './windows-support.ts';

const component = (version: string, name = 'microsoft-windows-x', culture = 'none'): string =>
  `/Windows/WinSxS/amd64_${name}_31bf3856ad364e35_${version}_${culture}_0123456789abcdef`;

it('components: older versions of the same one, but for what the system shares with them', async () => {
  const tree: GuestTree = {
    ...WINDOWS,
    [`${component('10.0.17763.1')}/x.dll`]: 1_000_000,
    [`${component('10.0.17763.1')}/shared.dll`]: { size: 500_000, inode: 77 },
    '/Windows/System32/shared.dll': { size: 500_000, inode: 77 },
    // 10.0.17763.914 is newer than .1 and older than .1075: numbers, not text.
    [`${component('10.0.17763.914')}/x.dll`]: 2_000_000,
    [`${component('10.0.17763.1075')}/x.dll`]: 3_000_000,
    [`${component('10.0.17763.1', 'microsoft-windows-y')}/y.dll`]: 4_000_000,
    [`${component('10.0.17763.1', 'microsoft-windows-x', 'en-us')}/x.mui`]: 5_000_000,
    '/Windows/WinSxS/Manifests/a.manifest': 6000,
  };
  const [found, ...more] = await suggestions(windowsComponentStore, tree, [], volume('ntfs'));
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(1_000_000, 2_000_000) + 2 * DIRECTORY);
  expect(found!.commands).toEqual(['Dism.exe /Online /Cleanup-Image /StartComponentCleanup /ResetBase']);
  expect(found!.reason).toMatch(/^at most: of 2 components a newer version is there/);
});

it('components: one version of each is nothing to clean', async () => {
  const tree = {
    ...WINDOWS,
    [`${component('10.0.17763.1')}/x.dll`]: 1_000_000,
    [`${component('10.0.17763.2', 'microsoft-windows-y')}/y.dll`]: 1_000_000,
  };
  expect(await suggestions(windowsComponentStore, tree, [], volume('ntfs'))).toEqual([]);
});
