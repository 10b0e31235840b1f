/** What a `grep` in a pipeline lets through, as a test on package names. */
import type { Invocation } from './shell/script.ts';
import { HOLE } from './text.ts';

/** Commands that print the installed packages. */
export function listsPackages(one: Invocation): boolean {
  const texts = one.args.map((arg) => arg.text);
  if (one.name === 'dpkg') return texts.includes('-l') || texts.includes('--list');
  if (one.name === 'dpkg-query') return texts.some((text) => /^(?:-W|-l|-f|--show|--list)/.test(text));
  if (one.name === 'rpm') return texts.some((text) => /^-q?a|^-qa/.test(text));
  return false;
}

/** @returns undefined where the pattern is known only to the build, or beyond us */
export function grepFilter(one: Invocation): ((name: string) => boolean) | undefined {
  const options = one.args.filter((arg) => /^-[a-zA-Z]+$/.test(arg.text)).map((arg) => arg.text.slice(1));
  const flags = options.join('');
  const pattern = one.args.find((arg) => !arg.text.startsWith('-'))?.text ?? one.args.at(-1)?.text;
  if (pattern === undefined || pattern.includes(HOLE)) return undefined;
  if (/[^EFPvieqwx]/.test(flags)) return undefined;
  const isFixed = flags.includes('F') || one.name === 'fgrep';
  const isExtended = flags.includes('E') || flags.includes('P') || one.name === 'egrep';
  const source = isFixed
    ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    : isExtended
      ? pattern
      : fromBasic(pattern);
  // A group that repeats can take for ever; no list of packages needs one.
  if (/\)[*+{]/.test(source)) return undefined;
  let compiled: RegExp;
  try {
    const whole = flags.includes('x')
      ? `^(?:${source})$`
      : flags.includes('w')
        ? `\\b(?:${source})\\b`
        : source;
    compiled = new RegExp(whole, flags.includes('i') ? 'i' : '');
  } catch {
    // A pattern in a syntax that we do not have: the step is not proved.
    return undefined;
  }
  return (name) => compiled.test(name) !== flags.includes('v');
}

/** A basic regular expression (POSIX 9.3, with GNU's \+ \? \|) as an extended one. */
function fromBasic(pattern: string): string {
  return pattern.replace(/\\([+?|(){}])|([+?|(){}])|\\./g, (whole, special?: string, plain?: string) =>
    special !== undefined ? special : plain !== undefined ? `\\${plain}` : whole,
  );
}
