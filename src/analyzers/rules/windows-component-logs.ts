/** Logs of servicing, which grow by tens of megabytes with every update. */
import { removeItems, windowsRule } from '../windows-rule.ts';

export const windowsComponentLogs = windowsRule({
  id: 'windows-component-logs',
  title: 'Servicing logs of Windows',
  safety: 'safe',
  family: 'logs',
  description:
    '\\Windows\\Logs\\CBS, DISM and WindowsUpdate: what updates and features did during the build.',
  why: 'they tell of the build, and a new machine begins its own',
  places: [
    {
      patterns: ['\\Windows\\Logs\\CBS\\*', '\\Windows\\Logs\\DISM\\*', '\\Windows\\Logs\\WindowsUpdate\\*'],
      command: removeItems([
        '"$env:SystemRoot\\Logs\\CBS\\*"',
        '"$env:SystemRoot\\Logs\\DISM\\*"',
        '"$env:SystemRoot\\Logs\\WindowsUpdate\\*"',
      ]),
    },
  ],
});
