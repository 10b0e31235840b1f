/**
 * How a failure reaches the user: one line on standard error that says what, where and what to do, or the same
 * as JSON on standard output, and the exit code of the contract. A stack trace shows only with DEBUG set.
 */
import { EXIT, ImgoptError } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';

/** Thrown by whatever notices the abort signal. */
export function isInterrupt(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

export interface Failure {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  readonly where?: readonly string[];
  readonly advice?: string;
}

const NEW_ISSUE =
  "report it in the project's issue tracker, with this line and the output of the same command under DEBUG=*";

/** Sorts any thrown value into a failure: ours, oclif's complaint about the call, an interrupt, or a bug. */
export function toFailure(error: unknown): Failure {
  if (isInterrupt(error))
    return { exitCode: EXIT.interrupted, code: 'IMGOPT_INTERRUPTED', message: 'interrupted' };
  if (error instanceof ImgoptError) {
    return {
      exitCode: error.exitCode,
      code: error.code,
      message: error.message,
      ...(error.where.length === 0 ? {} : { where: error.where }),
      ...(error.advice === undefined ? {} : { advice: error.advice }),
    };
  }
  const exit = (error as { oclif?: { exit?: number } } | null)?.oclif?.exit;
  if (exit !== undefined && exit !== (false as unknown)) {
    // Parse errors of oclif span lines: 'Nonexistent flag: --x\nSee more help with --help'.
    const message = (error as Error).message.split('\n')[0]!.trim();
    return { exitCode: EXIT.usage, code: 'IMGOPT_USAGE', message, advice: 'see --help' };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    exitCode: EXIT.bug,
    code: 'IMGOPT_BUG',
    message: `this is a bug in imgopt: ${message}`,
    advice: NEW_ISSUE,
  };
}

/** `imgopt: CODE: place: message; advice`, names from inside images escaped, always one line. */
export function failureLine(failure: Failure): string {
  const where = failure.where === undefined ? '' : `${failure.where.join(' > ')}: `;
  const advice = failure.advice === undefined ? '' : `; ${failure.advice}`;
  return escapeName(`imgopt: ${failure.code}: ${where}${failure.message}${advice}`);
}

/** The `error` document of --json. */
export function failureJson(failure: Failure): { error: Omit<Failure, 'where'> & { where?: string } } {
  const { where, ...rest } = failure;
  return { error: { ...rest, ...(where === undefined ? {} : { where: where.join(' > ') }) } };
}

/** True when the user asked for stack traces. */
export function wantsStack(): boolean {
  return (process.env.DEBUG ?? '') !== '';
}
