/** Starts oclif and turns what it throws outside of a command (an unknown one, say) into our one line. */
import { system } from '../core/errors.ts';
import { failureLine, toFailure, wantsStack } from './errors.ts';

/** @param root URL of the file that was started; oclif finds package.json from it */
export async function main(root: string, argv: string[] = process.argv.slice(2)): Promise<void> {
  process.on('uncaughtException', fail);
  const { flush, run } = await import('@oclif/core');
  try {
    await run(argv, root);
    // A reader that went away (`--help | head`) ends the waiting for it too.
    const gone = new Promise<void>((resolve) => process.stdout.once('close', resolve));
    if (!process.stdout.destroyed) await Promise.race([flush(), gone]);
  } catch (error) {
    const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
    if (exit === 0) return; // --help inside a command ends that way
    const failure = toFailure(error);
    process.exitCode = failure.exitCode;
    process.stderr.write(`${failureLine(failure)}\n`);
    if (wantsStack() && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  }
}

/**
 * What no command caught: a full disk behind standard output arrives this way, because oclif throws what the
 * stream emits. A command that failed before has said so already.
 */
function fail(error: Error): void {
  if (process.exitCode === undefined || process.exitCode === 0) {
    const isHost = typeof (error as NodeJS.ErrnoException).errno === 'number';
    const failure = toFailure(isHost ? system(error) : error);
    process.exitCode = failure.exitCode;
    process.stderr.write(`${failureLine(failure)}\n`);
    if (wantsStack()) process.stderr.write(`${error.stack}\n`);
  }
  process.exit();
}
