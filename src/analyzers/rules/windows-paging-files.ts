/** Memory of a Windows build machine. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';

const TYPES = new Set(['ntfs', 'vfat', 'exfat']);
const NAMES = /^(?:hiberfil|pagefile|swapfile)\.sys$/i;

export const windowsPagingFiles: RemovalRule = {
  id: 'windows-paging-files',
  title: 'Paging and hibernation files of Windows',
  safety: 'review',
  family: 'swap',
  description:
    'hiberfil.sys, pagefile.sys and swapfile.sys at the root of a volume that Windows starts from, as far as the ' +
    'filesystem is read: powercfg /h off, and no paging file during the build.',
  evaluate({ files, inspection }) {
    const { filesystems, table } = inspection;
    const entries = filesystems
      .filter(({ type, section }) => TYPES.has(type) && section !== null)
      .flatMap(({ section }) => [...table.children(table.sections[section!]!.first)])
      .filter((entry) => files.isFile(entry) && NAMES.test(files.name(entry)));
    if (entries.length === 0) return [];
    const names = entries.map((entry) => files.name(entry)).sort();
    return [
      {
        entries,
        paths: entries.map((entry) => files.pathOf(entry)).sort(),
        commands: [],
        reason: `${someOf(names, 3)}: Windows makes them at its next start; powercfg /h off, and set the paging file to none before the build ends`,
      },
    ];
  },
};
