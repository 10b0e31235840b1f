/** Accounts that somebody who knows the build can log in to. Hashes are looked at, never shown. */
import type { HygieneFinding, HygieneRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

const BUILDERS = new Set(['vagrant', 'packer', 'test', 'user', 'builder', 'installer']);

export const passwords: HygieneRule = {
  id: 'passwords',
  title: 'Accounts with passwords',
  severity: 'warning',
  family: 'hygiene',
  description:
    'Accounts in /etc/shadow that a password opens: an error without a password at all, for accounts that builders use (vagrant, packer …) and for old hashes (DES, MD5); a warning otherwise. Locked accounts are fine.',
  async evaluate({ files }) {
    const found: HygieneFinding[] = [];
    for (const line of ((await files.read('/etc/shadow')) ?? '').split('\n')) {
      const [name, hash] = line.split(':');
      if (name === undefined || name === '' || hash === undefined || /^[!*]/.test(hash) || hash === 'x')
        continue;
      const isWeak = /^\$1\$|^[./0-9A-Za-z]{13}$/.test(hash);
      const why =
        hash === ''
          ? 'has no password: anybody can log in'
          : BUILDERS.has(name)
            ? 'is a builder’s account, whose password is known'
            : isWeak
              ? 'has a password with an old hash (DES or MD5)'
              : 'has a password, the same on every machine';
      found.push({
        severity: hash === '' || BUILDERS.has(name) || isWeak ? 'error' : 'warning',
        paths: ['/etc/shadow'],
        commands: [`passwd -l ${shellQuote(name)}`],
        reason: `${name} ${why}`,
      });
    }
    return found;
  },
};
