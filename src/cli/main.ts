/** Starts oclif and turns what it throws outside of a command (an unknown one, say) into our one line. */
import { failureLine, toFailure, wantsStack } from './errors.ts';

/** @param root URL of the file that was started; oclif finds package.json from it */
export async function main(root: string, argv: string[] = process.argv.slice(2)): Promise<void> {
  const { flush, run } = await import('@oclif/core');
  try {
    await run(argv, root);
    await flush();
  } catch (error) {
    const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
    if (exit === 0) return; // --help inside a command ends that way
    const failure = toFailure(error);
    process.exitCode = failure.exitCode;
    process.stderr.write(`${failureLine(failure)}\n`);
    if (wantsStack() && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  }
}
