/** Temporary folders of Windows and of its users. */
import { removeItems, windowsRule } from '../windows-rule.ts';

/** What Packer's provisioner runs while it empties them. */
const PACKER_SCRIPTS = /^(?:script-|packer-)/i;

export const windowsTemporaryFiles = windowsRule({
  id: 'windows-temporary-files',
  title: 'Temporary files of Windows',
  safety: 'safe',
  family: 'temporary files',
  description:
    '\\Windows\\Temp and AppData\\Local\\Temp of every user, but for the scripts that Packer runs there.',
  why: 'left behind by installers and provisioners',
  places: [
    {
      patterns: ['\\Windows\\Temp\\*', '\\Users\\*\\AppData\\Local\\Temp\\*'],
      keeps: PACKER_SCRIPTS,
      command: removeItems(
        ['"$env:SystemRoot\\Temp\\*"', '"$env:SystemDrive\\Users\\*\\AppData\\Local\\Temp\\*"'],
        ' -Exclude script-*, packer-*',
      ),
    },
  ],
});
