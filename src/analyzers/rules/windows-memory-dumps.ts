/** Memory of a Windows or a program that crashed during the build. */
import { removeItems, windowsRule } from '../windows-rule.ts';

export const windowsMemoryDumps = windowsRule({
  id: 'windows-memory-dumps',
  title: 'Memory dumps and error reports of Windows',
  safety: 'safe',
  family: 'crash data',
  description:
    'MEMORY.DMP, minidumps, live kernel reports and queued error reports: memory of the build, with whatever secrets it held.',
  why: 'nobody debugs the build on a machine that was started from the image',
  places: [
    {
      patterns: [
        '\\Windows\\MEMORY.DMP',
        '\\Windows\\Minidump\\*.dmp',
        '\\Windows\\LiveKernelReports\\*.dmp',
      ],
      command: removeItems([
        '"$env:SystemRoot\\MEMORY.DMP"',
        '"$env:SystemRoot\\Minidump\\*.dmp"',
        '"$env:SystemRoot\\LiveKernelReports\\*.dmp"',
      ]),
    },
    {
      patterns: [
        '\\ProgramData\\Microsoft\\Windows\\WER\\ReportQueue\\*',
        '\\ProgramData\\Microsoft\\Windows\\WER\\ReportArchive\\*',
      ],
      command: removeItems([
        '"$env:ProgramData\\Microsoft\\Windows\\WER\\ReportQueue\\*"',
        '"$env:ProgramData\\Microsoft\\Windows\\WER\\ReportArchive\\*"',
      ]),
    },
  ],
});
