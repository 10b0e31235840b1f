/** The system before an upgrade in place. */
import { windowsRule } from '../windows-rule.ts';

const FOLDER = '"%SystemDrive%\\Windows.old"';

export const windowsOld = windowsRule({
  id: 'windows-old',
  title: 'The Windows before an upgrade',
  safety: 'review',
  family: 'backups',
  description:
    '\\Windows.old: the former system with its programs and user folders, to go back to after an upgrade in place.',
  why: 'an image does not go back to the system before it',
  places: [
    {
      patterns: ['\\Windows.old'],
      // Its files are TrustedInstaller's: the administrators' group takes them over first.
      command:
        `cmd.exe /c 'if exist ${FOLDER} (takeown.exe /F ${FOLDER} /A /R /D Y >nul & ` +
        `icacls.exe ${FOLDER} /grant *S-1-5-32-544:F /T /C /Q >nul & rd /s /q ${FOLDER})'`,
    },
  ],
});
