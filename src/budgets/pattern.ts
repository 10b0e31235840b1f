/**
 * What a budget matches: names and paths with the wildcards of gitignore. `*` and `?` stay within one component,
 * `**` goes over several, `[a-z]` is one of a class, `\` takes the next character as it is.
 *
 * Paths come from inside of images and patterns from people, so a match must not explode as a regular expression
 * does that backtracks: all places where the pattern could stand are followed at once, which takes at most the
 * length of the text times that of the pattern.
 */
import { usage } from '../core/errors.ts';

/** One step of a pattern. */
interface Step {
  /** Takes any number of the characters, none included; without it exactly one. */
  readonly some: boolean;
  /** May be nothing together with the slash behind it: the double star between slashes. */
  readonly vanishes: boolean;
  readonly takes: (code: number) => boolean;
}

const SLASH = 0x2f;
const any = (): boolean => true;
const noSlash = (code: number): boolean => code !== SLASH;

/**
 * @param kind `name`: the whole name, where `/` is nothing special; `path`: an absolute path, which a pattern
 *   without wildcards takes with all that is below it
 * @throws ImgoptError `usage` for a pattern that is not one
 */
export function compilePattern(pattern: string, kind: 'name' | 'path'): (text: string) => boolean {
  if (pattern === '') throw bad(pattern, 'matches nothing');
  if (kind === 'path' && !pattern.startsWith('/') && !pattern.startsWith('**')) {
    throw bad(pattern, 'is not absolute: begin it with / or **');
  }
  if (!isPattern(pattern)) {
    if (kind === 'name') return (text) => text === pattern;
    const place = pattern.replace(/\/+$/, '');
    return (text) => text === place || text.startsWith(`${place}/`);
  }
  const steps = parse(pattern, kind);
  // Nearly everything fails at its first characters, cheaply.
  const literal = /^[^*?[\\]*/.exec(pattern)![0].replace(/\/$/, '');
  return (text) => text.startsWith(literal) && matches(steps, text);
}

/** True for a pattern rather than a plain name. */
export function isPattern(text: string): boolean {
  return /[*?[\\]/.test(text);
}

const bad = (pattern: string, why: string): Error => usage('BAD_PATTERN', `the pattern '${pattern}' ${why}`);

function parse(text: string, kind: 'name' | 'path'): Step[] {
  const within = kind === 'path' ? noSlash : any;
  const steps: Step[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '*') {
      const start = at;
      while (text[at + 1] === '*') at++;
      const isDouble = at > start && kind === 'path';
      const vanishes = isDouble && text[at + 1] === '/' && (start === 0 || text[start - 1] === '/');
      steps.push({ some: true, vanishes, takes: isDouble ? any : within });
    } else if (character === '?') steps.push({ some: false, vanishes: false, takes: within });
    else if (character === '[') {
      const end = text.indexOf(']', at + 2);
      if (end < 0) throw bad(text, 'has a [ without its ]');
      const member = classOf(text.slice(at + 1, end), text);
      steps.push({ some: false, vanishes: false, takes: (code) => within(code) && member(code) });
      at = end;
    } else {
      if (character === '\\' && at + 1 < text.length) at++;
      const wanted = text.charCodeAt(at);
      steps.push({ some: false, vanishes: false, takes: (code) => code === wanted });
    }
  }
  return steps;
}

function classOf(body: string, pattern: string): (code: number) => boolean {
  const negated = body.startsWith('!') || body.startsWith('^');
  const members = negated ? body.slice(1) : body;
  const ranges: [number, number][] = [];
  for (let at = 0; at < members.length; at++) {
    const first = members.charCodeAt(at);
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    const last = isRange ? members.charCodeAt(at + 2) : first;
    if (last < first) throw bad(pattern, `has the range ${members.slice(at, at + 3)}, which holds nothing`);
    ranges.push([first, last]);
    if (isRange) at += 2;
  }
  return (code) => ranges.some(([first, last]) => code >= first && code <= last) !== negated;
}

/** Follows every place of the pattern that the text so far could stand at. */
function matches(steps: readonly Step[], text: string): boolean {
  let now = new Uint8Array(steps.length + 1);
  let next = new Uint8Array(steps.length + 1);
  const enter = (places: Uint8Array, place: number): void => {
    places[place] = 1;
    const step = steps[place];
    if (step?.some !== true) return;
    enter(places, place + 1);
    if (step.vanishes) enter(places, place + 2);
  };
  enter(now, 0);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    let alive = false;
    next.fill(0);
    for (let place = 0; place < steps.length; place++) {
      const step = steps[place]!;
      if (now[place] === 0 || !step.takes(code)) continue;
      if (step.some) next[place] = 1;
      enter(next, place + 1);
      alive = true;
    }
    if (!alive) return false;
    [now, next] = [next, now];
  }
  return now[steps.length] === 1;
}
