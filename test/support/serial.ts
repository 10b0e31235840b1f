/** Machines under QEMU (software emulation), watched at their serial console. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { findTool } from './tools.ts';

/**
 * Starts `qemu-system-x86_64 ARGS` until its serial console shows a text or time is up, and ends it.
 * @param serial file that the console is written to
 * @returns all that the console showed
 */
export async function serialUntil(
  args: readonly string[],
  serial: string,
  wanted: string,
  seconds: number,
): Promise<string> {
  rmSync(serial, { force: true });
  const common = [
    '-display',
    'none',
    '-monitor',
    'none',
    '-no-reboot',
    '-nic',
    'none',
    '-serial',
    `file:${serial}`,
  ];
  const child = spawn(findTool('qemu-system-x86_64')!, [...common, ...args], { stdio: 'ignore' });
  const text = (): string => (existsSync(serial) ? readFileSync(serial, 'latin1') : '');
  try {
    for (let waited = 0; waited < seconds && child.exitCode === null; waited++) {
      await new Promise((done) => setTimeout(done, 1000));
      if (text().includes(wanted)) break;
    }
  } finally {
    child.kill('SIGKILL');
  }
  return text();
}
