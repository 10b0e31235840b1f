import { it } from 'vitest';
import { windowsMemoryDumps } from '../../../src/analyzers/rules/windows-memory-dumps.ts';
import { holdWindowsRule } from './windows-support.ts';

it('finds dumps of the system and reports of programs', () =>
  holdWindowsRule(windowsMemoryDumps, {
    goes: {
      '/Windows/MEMORY.DMP': 900_000_000,
      '/Windows/Minidump/010124-1.dmp': 1_000_000,
      '/ProgramData/Microsoft/Windows/WER/ReportQueue/AppCrash_x/Report.wer': 20_000,
    },
    stays: { '/Windows/Minidump/readme.txt': 100, '/Users/me/MEMORY.DMP': 100 },
    directories: 1,
    command: /MEMORY\.DMP/,
  }));
