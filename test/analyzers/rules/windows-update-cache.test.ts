import { it } from 'vitest';
import { windowsUpdateCache } from '../../../src/analyzers/rules/windows-update-cache.ts';
import { holdWindowsRule } from './windows-support.ts';

it('keeps what Windows Update knows', () =>
  holdWindowsRule(windowsUpdateCache, {
    goes: {
      '/Windows/SoftwareDistribution/Download/0a1b/x.cab': 50_000_000,
      '/Windows/SoftwareDistribution/Download/y.psf': 7_000_000,
    },
    stays: { '/Windows/SoftwareDistribution/DataStore/DataStore.edb': 20_000_000 },
    directories: 1,
    command: /Stop-Service -Name wuauserv, bits .*SoftwareDistribution\\Download\\\*/,
  }));
