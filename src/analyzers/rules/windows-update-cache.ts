/** What Windows Update has fetched and installed. */
import { removeItems, windowsRule } from '../windows-rule.ts';

export const windowsUpdateCache = windowsRule({
  id: 'windows-update-cache',
  title: 'Downloads of Windows Update',
  safety: 'safe',
  family: 'package caches',
  description:
    '\\Windows\\SoftwareDistribution\\Download: updates as they were fetched. Windows Update fetches what it still needs again.',
  why: 'Windows Update fetches again what it needs',
  places: [
    {
      patterns: ['\\Windows\\SoftwareDistribution\\Download\\*'],
      command: `Stop-Service -Name wuauserv, bits -Force -ErrorAction SilentlyContinue; ${removeItems([
        '"$env:SystemRoot\\SoftwareDistribution\\Download\\*"',
      ])}`,
    },
  ],
});
