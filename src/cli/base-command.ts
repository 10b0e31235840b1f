/**
 * What every command shares: the flags that mean the same everywhere, the context of a run, interrupts, and how
 * results and failures leave the process. Results go to standard output; everything else to standard error.
 */
import { availableParallelism } from 'node:os';
import { Command, Flags } from '@oclif/core';
import { DiagnosticLog, RunContext } from '../core/context.ts';
import type { Contribution, Registry } from '../core/contracts/registry.ts';
import type { ImageWriter } from '../core/contracts/writer.ts';
import { EXIT } from '../core/errors.ts';
import { failureJson, failureLine, toFailure, wantsStack } from './errors.ts';
import { createProgress, progressMode } from './progress.ts';
import type { RemoteFiles } from './remote.ts';
import type { RemoteFlags } from './remote-flags.ts';

/** Flags that mean the same in every command; see CONTRACT of the README. */
export const GLOBAL_FLAGS = {
  threads: Flags.integer({
    summary: 'Pieces of work at once (default: all cores).',
    helpGroup: 'GLOBAL',
    helpValue: 'N',
    min: 1,
    max: 1024,
  }),
  quiet: Flags.boolean({ summary: 'No progress and no warnings on standard error.', helpGroup: 'GLOBAL' }),
  'no-progress': Flags.boolean({ summary: 'No progress on standard error.', helpGroup: 'GLOBAL' }),
  'no-color': Flags.boolean({ summary: 'No colour, as with NO_COLOR.', helpGroup: 'GLOBAL' }),
};

export interface GlobalFlags {
  threads?: number | undefined;
  quiet: boolean;
  'no-progress': boolean;
  'no-color': boolean;
}

/** Where people read the result: width and whether colour helps. */
export interface Terminal {
  readonly columns: number;
  readonly color: boolean;
  readonly isTerminal: boolean;
}

/** Until the stream takes more, or is gone: a reader that has seen enough is no failure. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.on(event, done);
  });
}

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = GLOBAL_FLAGS;

  private readonly interrupt = new AbortController();
  private remoteFiles: RemoteFiles | undefined;
  private readonly onSignal = (): void => {
    if (this.interrupt.signal.aborted) process.exit(EXIT.interrupted);
    this.interrupt.abort();
  };

  /** Aborts at the first SIGINT or SIGTERM; the second ends the process at once. */
  protected get signal(): AbortSignal {
    return this.interrupt.signal;
  }

  protected override async init(): Promise<void> {
    await super.init();
    process.on('SIGINT', this.onSignal);
    process.on('SIGTERM', this.onSignal);
  }

  protected override async finally(): Promise<void> {
    await this.remoteFiles?.dispose();
    process.off('SIGINT', this.onSignal);
    process.off('SIGTERM', this.onSignal);
  }

  /** How this run opens http(s) addresses. */
  protected async remote(flags: RemoteFlags, context: RunContext): Promise<RemoteFiles> {
    const { RemoteFiles } = await import('./remote.ts');
    this.remoteFiles ??= new RemoteFiles(flags, process.env, context);
    return this.remoteFiles;
  }

  /** The context of this run, from the global flags. */
  protected createContext(flags: GlobalFlags): RunContext {
    return new RunContext({
      log: new DiagnosticLog(),
      signal: this.signal,
      threads: flags.threads ?? availableParallelism(),
      progress: createProgress(progressMode(!flags.quiet && !flags['no-progress'])),
    });
  }

  /**
   * Built-in drivers and what plugins contribute through the hook `imgopt:contribute`. oclif swallows what a hook
   * throws; here it is shown, and the rest goes on without that plugin.
   * @param writers the built-in writers, for commands that write images
   */
  protected async drivers(writers: readonly ImageWriter[] = []): Promise<Registry> {
    const [{ createRegistry }, { successes, failures }] = await Promise.all([
      import('../registry.ts'),
      this.config.runHook('imgopt:contribute', {}),
    ]);
    for (const { plugin, error } of failures) {
      const message = `${error.message}; its drivers are missing: update or remove it`;
      process.stderr.write(
        `${failureLine({ exitCode: 0, code: 'IMGOPT_PLUGIN_FAILED', where: [plugin.name], message })}\n`,
      );
    }
    return createRegistry(
      successes.map(({ plugin, result }) => ({ owner: plugin.name, contribution: result as Contribution })),
      writers,
    );
  }

  /** What standard output is. A pipe counts as 120 columns without colour; COLUMNS overrides. */
  protected terminal(flags: GlobalFlags): Terminal {
    const isTerminal = process.stdout.isTTY === true;
    const forced = Number(process.env.COLUMNS);
    const columns = process.stdout.columns ?? (Number.isInteger(forced) && forced > 0 ? forced : 120);
    const color = isTerminal && !flags['no-color'] && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
    return { columns, color, isTerminal };
  }

  /** Writes to standard output, waiting while the reader is slower than we are. */
  protected async print(text: string | Iterable<string>): Promise<void> {
    for (const piece of typeof text === 'string' ? [text] : text) {
      if (process.stdout.destroyed || process.stdout.errored) return; // the reader is gone: `| head`
      if (!process.stdout.write(piece)) await drained(process.stdout);
    }
  }

  /** A line on standard error that --quiet silences. */
  protected note(text: string, flags: GlobalFlags): void {
    if (!flags.quiet) process.stderr.write(`${text}\n`);
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  }

  protected override async catch(error: Error & { exitCode?: number }): Promise<void> {
    const failure = toFailure(error);
    process.exitCode = failure.exitCode;
    if (this.jsonEnabled()) this.logJson(failureJson(failure));
    else process.stderr.write(`${failureLine(failure)}\n`);
    if (wantsStack() && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  }
}
