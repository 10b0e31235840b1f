/** Runs the compiled command line as a user would; `npm test` builds it first. */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

// A stale build would test the code of yesterday: refuse, rather than pass.
const built = statSync(join(ROOT, 'oclif.manifest.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
for (const file of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (file.endsWith('.ts') && statSync(join(ROOT, 'src', file)).mtimeMs > built) {
    throw new Error(`src/${file} is newer than the build: run npm run build first`);
  }
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly input?: Uint8Array | string;
  /** Started instead of bin/run.js. */
  readonly program?: string;
  /** Called with the running process: to send a signal. */
  readonly started?: (kill: (signal: NodeJS.Signals) => void) => void;
}

/** `imgopt ARGS`; never rejects for an exit code. Environment: only what is needed, so that CI and a terminal agree. */
export function imgopt(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const { PATH, HOME, TMPDIR } = process.env;
    const base: Record<string, string> = {};
    for (const [key, value] of Object.entries({ PATH, HOME, TMPDIR }))
      if (value !== undefined) base[key] = value;
    const child = spawn(process.execPath, [options.program ?? join(ROOT, 'bin', 'run.js'), ...args], {
      cwd: options.cwd ?? ROOT,
      env: { ...base, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {}); // it may end before it has read everything
    child.stdin.end(options.input);
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    options.started?.((signal) => child.kill(signal));
  });
}
