/** Where the machine will install from. */
import type { HygieneFinding, HygieneRule } from '../../core/contracts/rule.ts';

const PLACES = [
  '/etc/apt/sources.list',
  '/etc/apt/sources.list.d/*',
  '/etc/yum.repos.d/*.repo',
  '/etc/zypp/repos.d/*.repo',
  '/etc/apk/repositories',
  '/etc/pacman.d/mirrorlist',
];

export const packageSources: HygieneRule = {
  id: 'package-sources',
  title: 'Package sources',
  severity: 'info',
  family: 'hygiene',
  description:
    'Sources on a disc (cdrom:) or unverified (trusted=yes, gpgcheck=0) are warnings; plain http is a note, since signatures protect packages but not what is asked for.',
  async evaluate({ files }) {
    const http: string[] = [];
    const disc: string[] = [];
    const unverified: string[] = [];
    for (const entry of PLACES.flatMap((place) => files.glob(place))) {
      if (!files.isFile(entry)) continue;
      const path = files.pathOf(entry);
      const active = ((await files.readEntry(entry)) ?? '').split('\n').filter((line) => !/^\s*#/.test(line));
      if (active.some((line) => /\bhttp:\/\//.test(line) && !/^\s*(?:metalink|mirrorlist)/.test(line)))
        http.push(path);
      if (active.some((line) => /\bcdrom:/.test(line))) disc.push(path);
      if (active.some((line) => /trusted\s*=\s*yes|^\s*gpgcheck\s*=\s*0|^\s*Trusted:\s*yes/i.test(line)))
        unverified.push(path);
    }
    const found: HygieneFinding[] = [];
    if (unverified.length > 0)
      found.push({
        severity: 'warning',
        paths: unverified,
        commands: [],
        reason: 'packages from there are installed without checking their signature',
      });
    if (disc.length > 0)
      found.push({
        severity: 'warning',
        paths: disc,
        commands: ["sed -i '/cdrom:/d' /etc/apt/sources.list"],
        reason: 'a disc that no machine has: apt-get update fails',
      });
    if (http.length > 0)
      found.push({
        paths: http,
        commands: [],
        reason:
          'plain http: signatures protect packages, but everybody on the way sees and can hold back what is asked for',
      });
    return found;
  },
};
