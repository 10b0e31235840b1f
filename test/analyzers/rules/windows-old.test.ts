import { it } from 'vitest';
import { windowsOld } from '../../../src/analyzers/rules/windows-old.ts';
import { holdWindowsRule } from './windows-support.ts';

it('finds the system before', () =>
  holdWindowsRule(windowsOld, {
    goes: { '/Windows.old/Windows/System32/old.dll': 800_000, '/Windows.old/Users/me/x': 5000 },
    stays: {},
    directories: 5,
    command: /rd \/s \/q "%SystemDrive%\\Windows\.old"/,
  }));
