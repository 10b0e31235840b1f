/** Packages that updates pass over. Some builders do it on purpose; then machines never get their fixes. */
import type { HygieneFinding, HygieneRule } from '../../core/contracts/rule.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { someOf } from '../suggest-text.ts';

/** Lists of locks, a package or pattern per line. */
const LOCK_LISTS = [
  '/etc/dnf/plugins/versionlock.list',
  '/etc/yum/pluginconf.d/versionlock.list',
  '/etc/dnf/versionlock.toml',
  '/etc/zypp/locks',
];

export const heldPackages: HygieneRule = {
  id: 'held-packages',
  title: 'Packages that are held back',
  severity: 'info',
  family: 'hygiene',
  description:
    'dpkg’s `hold`, versionlock of dnf and yum, zypper’s locks, pacman’s IgnorePkg: machines of the image do not get ' +
    'updates of them, security fixes among those.',
  async evaluate({ files, inspection }) {
    const found: HygieneFinding[] = [];
    const status = await inspection.root?.read('/var/lib/dpkg/status');
    const held = status === undefined ? [] : heldInStatus(decodeUtf8(status));
    if (held.length > 0) {
      found.push({
        paths: ['/var/lib/dpkg/status'],
        commands: ['apt-mark showhold | xargs -r apt-mark unhold'],
        reason: `${someOf(held, 6)}: apt upgrade passes over ${held.length === 1 ? 'it' : 'them'}`,
      });
    }
    for (const path of LOCK_LISTS) {
      const lines = ((await files.read(path)) ?? '').split('\n').filter((line) => /^\s*[^#\s]/.test(line));
      if (lines.length === 0) continue;
      found.push({
        paths: [path],
        commands: [],
        reason: `${lines.length === 1 ? 'a lock' : `${lines.length} lines of locks`}: updates pass over what they name`,
      });
    }
    const ignored = [
      ...((await files.read('/etc/pacman.conf')) ?? '').matchAll(/^\s*Ignore(?:Pkg|Group)\s*=\s*(\S.*)$/gm),
    ].map(([, names]) => names!.trim());
    if (ignored.length > 0) {
      found.push({
        paths: ['/etc/pacman.conf'],
        commands: [],
        reason: `${someOf(ignored, 6)}: pacman -Syu passes over them`,
      });
    }
    return found;
  },
};

/** Paragraphs whose Status begins with `hold`. */
function heldInStatus(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/^Status: hold /gm)) {
    const start = text.lastIndexOf('\n\n', match.index) + 1;
    const name = /^Package: (\S+)/m.exec(text.slice(start, match.index))?.[1];
    if (name !== undefined) names.push(name);
  }
  return names.sort();
}
