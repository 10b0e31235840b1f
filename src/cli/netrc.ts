/** ~/.netrc, as ftp, curl and wget read it: who a host's visitor is. */

export interface NetrcEntry {
  readonly login: string;
  readonly password: string;
}

/** Words, or texts in quotes with `\` before a quote; `#` begins a comment where a word could. */
const WORD = /\s*(?:#[^\n]*(?:\n|$)\s*)*(?:"((?:[^"\\]|\\.)*)"|(\S+))/sy;

/**
 * The entry of a host: the first `machine` with its name, else `default`.
 * @returns undefined when there is none, or when it has no login
 */
export function netrcEntry(text: string, host: string): NetrcEntry | undefined {
  let at = 0;
  const next = (): string | undefined => {
    WORD.lastIndex = at;
    const match = WORD.exec(text);
    if (match === null) return undefined;
    at = WORD.lastIndex;
    return match[1]?.replace(/\\(.)/gs, '$1') ?? match[2];
  };
  type Open = { -readonly [K in keyof NetrcEntry]?: NetrcEntry[K] } & { host: string | null };
  const entries: Open[] = [];
  for (let word = next(); word !== undefined; word = next()) {
    const entry = entries.at(-1);
    if (word === 'machine') entries.push({ host: (next() ?? '').toLowerCase() });
    else if (word === 'default') entries.push({ host: null });
    else if (word === 'macdef') {
      const end = text.indexOf('\n\n', at); // a macro ends with an empty line
      at = end < 0 ? text.length : end;
    } else if (word === 'login' || word === 'password' || word === 'account') {
      const value = next();
      if (entry !== undefined && value !== undefined && word !== 'account') entry[word] = value;
    }
  }
  const found =
    entries.find((one) => one.host === host.toLowerCase()) ?? entries.find((one) => one.host === null);
  return found?.login === undefined ? undefined : { login: found.login, password: found.password ?? '' };
}
