/** A real terminal to run a program in: tmux with a server of its own, keys in, the screen as text out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './cli.ts';
import { runTool, runToolSync } from './tools.ts';

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

export class Terminal {
  private readonly folder = mkdtempSync(join(tmpdir(), 'imgopt-tmux-'));

  private tmux(...args: string[]): Promise<string> {
    return runTool('tmux', ['-S', join(this.folder, 'socket'), '-f', '/dev/null', ...args]);
  }

  /** Starts `imgopt ARGS` in a terminal of this size; `EXIT n` stands on the screen when it has ended. */
  async start(args: readonly string[], columns: number, rows: number, folder: string): Promise<void> {
    const words = [process.execPath, join(ROOT, 'bin', 'run.js'), ...args].map(quote).join(' ');
    const command = `printf 'BEFORE\\n'; ${words}; printf 'EXIT %d\\n' $?; exec sleep 1000`;
    const size = ['-x', String(columns), '-y', String(rows)];
    const environment = ['-e', 'LANG=C.UTF-8', '-e', 'LC_ALL=C.UTF-8', '-e', 'NO_COLOR='];
    await this.tmux('-u', 'new-session', '-d', '-s', 'test', ...size, '-c', folder, ...environment, command);
  }

  /** The screen, without blanks at the end of lines. */
  async screen(): Promise<string> {
    const text = await this.tmux('capture-pane', '-p', '-t', 'test');
    return text.replace(/ +$/gm, '');
  }

  /** Waits until the screen matches. */
  async until(pattern: RegExp): Promise<string> {
    const end = Date.now() + 60_000;
    for (;;) {
      const screen = await this.screen();
      if (pattern.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`no ${String(pattern)} on the screen:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Keys as tmux names them (`Enter`, `C-c`, `Right`); anything else is typed. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.tmux('send-keys', '-t', 'test', key);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.tmux('resize-window', '-t', 'test', '-x', String(columns), '-y', String(rows));
  }

  stop(): void {
    try {
      runToolSync('tmux', ['-S', join(this.folder, 'socket'), 'kill-server']);
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}
