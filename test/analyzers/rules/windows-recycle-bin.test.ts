import { it } from 'vitest';
import { windowsRecycleBin } from '../../../src/analyzers/rules/windows-recycle-bin.ts';
import { holdWindowsRule } from './windows-support.ts';

it('finds what was thrown away, on data volumes too', () =>
  holdWindowsRule(windowsRecycleBin, {
    goes: { '/$RECYCLE.BIN/S-1-5-21-1/$R3.iso': 600_000_000, '/$RECYCLE.BIN/S-1-5-21-1/$I3.iso': 544 },
    stays: { '/$RECYCLE.BIN/S-1-5-21-1/desktop.ini': 129 },
    directories: 0,
    command: /\('?\$_\.Root \+ '\$Recycle\.Bin\\\*\\\*'\)/,
    anyVolume: true,
  }));
