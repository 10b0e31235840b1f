import { it } from 'vitest';
import { windowsComponentLogs } from '../../../src/analyzers/rules/windows-component-logs.ts';
import { holdWindowsRule } from './windows-support.ts';

it('finds those of servicing', () =>
  holdWindowsRule(windowsComponentLogs, {
    goes: { '/Windows/Logs/CBS/CBS.log': 30_000_000, '/Windows/Logs/DISM/dism.log': 2_000_000 },
    stays: { '/Windows/Logs/NetSetup/service.0.etl': 8000 },
    directories: 0,
    command: /Logs\\CBS\\\*/,
  }));
