/**
 * The referees: tools that share no code with us. A missing one skips its tests by name on a developer's
 * machine and fails them in CI, which installs them all (.ci/run).
 */
import { execFile, execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';

const run = promisify(execFile);
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** Absolute path of a tool, or undefined. */
export function findTool(name: string): string | undefined {
  for (const folder of FOLDERS) {
    try {
      const path = join(folder, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** `describe` for tests that need these tools: skipped with their names when missing, failing in CI. */
export function describeWithTools(tools: readonly string[], name: string, body: () => void): void {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) {
    describe(name, body);
  } else if (process.env['CI'] === undefined) {
    describe.skip(`${name} (missing: ${missing.join(', ')})`, body);
  } else {
    throw new Error(`${name}: CI must install ${missing.join(', ')}`);
  }
}

/** Runs a tool and returns its standard output as text; throws with its standard error on failure. */
export async function runTool(
  name: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<string> {
  const { stdout } = await run(findTool(name) ?? name, args, {
    ...options,
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  return stdout;
}

/** As `runTool`, bytes in and out. */
export function runToolSync(name: string, args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync(findTool(name) ?? name, args, {
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    ...(input === undefined ? {} : { input }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
