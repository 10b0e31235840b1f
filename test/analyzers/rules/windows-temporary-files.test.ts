import { it } from 'vitest';
import { windowsTemporaryFiles } from '../../../src/analyzers/rules/windows-temporary-files.ts';
import { holdWindowsRule } from './windows-support.ts';

it('keeps the scripts that Packer runs there', () =>
  holdWindowsRule(windowsTemporaryFiles, {
    goes: {
      '/Windows/TEMP/setup.log': 300_000,
      '/Users/Administrator/AppData/Local/Temp/a/b.msi': 4_000_000,
    },
    stays: { '/Windows/TEMP/script-5f3a.ps1': 3000, '/Windows/TEMP/packer-ps-env-vars-5f3a.ps1': 500 },
    directories: 1,
    command: /-Exclude script-\*, packer-\*/,
  }));
