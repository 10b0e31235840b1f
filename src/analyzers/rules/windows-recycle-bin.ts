/** What users of the build machine threw away. */
import { removeItems, windowsRule } from '../windows-rule.ts';

export const windowsRecycleBin = windowsRule({
  id: 'windows-recycle-bin',
  title: 'Recycle bins',
  safety: 'safe',
  family: 'temporary files',
  description: '\\$Recycle.Bin of every NTFS volume: deleted files, by the user who deleted them.',
  why: 'these files were deleted already',
  anyVolume: true,
  places: [
    {
      patterns: ['\\$Recycle.Bin\\*\\*'],
      keeps: /^desktop\.ini$/i,
      command: `Get-PSDrive -PSProvider FileSystem | ForEach-Object { ${removeItems(
        ["($_.Root + '$Recycle.Bin\\*\\*')"],
        ' -Exclude desktop.ini',
      )} }`,
    },
  ],
});
