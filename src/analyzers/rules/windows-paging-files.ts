/** Memory of a Windows build machine. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';

const TYPES = new Set(['ntfs', 'vfat', 'exfat']);

const KINDS = [
  {
    title: 'Hibernation file of Windows',
    names: /^hiberfil\.sys$/i,
    command: 'powercfg.exe /hibernate off',
    why: 'Windows makes it again when hibernation is turned on; fast startup goes with it',
  },
  {
    title: 'Paging files of Windows',
    names: /^(?:pagefile|swapfile)\.sys$/i,
    command:
      'Get-CimInstance Win32_ComputerSystem | Set-CimInstance -Property @{ AutomaticManagedPagefile = $false }; ' +
      'Get-CimInstance Win32_PageFileSetting | Remove-CimInstance',
    why: 'they go with the restart that must follow, and so does the paging file of machines made from the image until one sets it again',
  },
] as const;

export const windowsPagingFiles: RemovalRule = {
  id: 'windows-paging-files',
  title: 'Paging and hibernation files of Windows',
  safety: 'review',
  family: 'swap',
  shell: 'powershell',
  description:
    'hiberfil.sys, pagefile.sys and swapfile.sys at the root of a volume that Windows starts from: powercfg turns ' +
    'hibernation off; without automatic management a restart makes no paging file.',
  evaluate({ files, inspection }) {
    const { filesystems, table } = inspection;
    const inRoots = filesystems
      .filter(({ type, section }) => TYPES.has(type) && section !== null)
      .flatMap(({ section }) => [...table.children(table.sections[section!]!.first)])
      .filter((entry) => files.isFile(entry));
    return KINDS.flatMap(({ title, names, command, why }) => {
      const entries = inRoots.filter((entry) => names.test(files.name(entry)));
      if (entries.length === 0) return [];
      return [
        {
          title,
          entries,
          paths: entries.map((entry) => files.pathOf(entry)).sort(),
          commands: [command],
          reason: `${someOf(entries.map((entry) => files.name(entry)).sort(), 3)}: ${why}`,
        },
      ];
    });
  },
};
