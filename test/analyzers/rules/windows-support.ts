/** Volumes of Windows for specs of its rules: nobody's root, as they are. */
import { expect } from 'vitest';
import type { InspectedFilesystem } from '../../../src/core/contracts/inspection.ts';
import type { RemovalRule } from '../../../src/core/contracts/rule.ts';
import { blocks, type GuestOptions, type GuestTree, suggestions } from './support.ts';

export const volume = (type: string): GuestOptions => ({
  inspection: {
    root: null,
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

export const WINDOWS: GuestTree = {
  '/Windows/System32/ntoskrnl.exe': 9_000_000,
  '/Users/me/Documents/x.docx': 100_000,
};
/** What a directory that goes along occupies in these specs. */
export const DIRECTORY = 4096;

export interface WindowsSpec {
  /** Files by their sizes. */
  readonly goes: Readonly<Record<string, number>>;
  readonly stays: GuestTree;
  /** Directories that go along. */
  readonly directories: number;
  /** What its commands say. */
  readonly command: RegExp;
  readonly anyVolume?: true;
}

/** On a system's volume it goes; where only what stays is, on other filesystems and without Windows it finds nothing. */
export async function holdWindowsRule(rule: RemovalRule, spec: WindowsSpec): Promise<void> {
  const { goes, stays, directories, command, anyVolume } = spec;
  const on = (tree: GuestTree, type = 'ntfs') => suggestions(rule, tree, [], volume(type));
  const [found, ...more] = await on({ ...WINDOWS, ...goes, ...stays });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(...Object.values(goes)) + directories * DIRECTORY);
  expect(found!.shell).toBe('powershell');
  expect(found!.commands.join('\n')).toMatch(command);
  expect(await on({ ...WINDOWS, ...stays })).toEqual([]);
  expect(await on({ ...WINDOWS, ...goes }, 'ext4')).toEqual([]);
  const [alone] = await on(goes);
  expect(alone?.reclaimable).toBe(anyVolume === true ? found!.reclaimable : undefined);
}
