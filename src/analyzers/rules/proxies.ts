/** Proxies of the build network. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

export const proxies: HygieneRule = {
  id: 'proxies',
  title: 'Proxies of the build network',
  severity: 'warning',
  family: 'hygiene',
  description:
    'Proxy settings in apt.conf.d, dnf.conf, /etc/environment, profile.d and pip’s and npm’s settings: machines elsewhere cannot reach them, and they may hold passwords.',
  async evaluate({ files }) {
    const places = [
      '/etc/apt/apt.conf',
      '/etc/apt/apt.conf.d/*',
      '/etc/dnf/dnf.conf',
      '/etc/yum.conf',
      '/etc/environment',
      '/etc/profile.d/*',
      '/etc/pip.conf',
      '/root/.pip/pip.conf',
      '/root/.npmrc',
      '/etc/wgetrc',
      '/root/.curlrc',
    ];
    const paths: string[] = [];
    for (const entry of places.flatMap((place) => files.glob(place))) {
      if (!files.isFile(entry)) continue;
      const text = (await files.readEntry(entry)) ?? '';
      const setting =
        /^\s*(?:Acquire::(?:https?|ftp)(?:::Proxy)?\s|(?:export\s+)?(?:https?|ftp|all)_proxy\s*=\s*["']?\S|proxy\s*=\s*["']?(?!_none_)\S|https?-proxy\s*=|Proxy\s+["'])/im;
      if (setting.test(text) && !/^\s*#/.test(setting.exec(text)![0])) paths.push(files.pathOf(entry));
    }
    return paths.length === 0
      ? []
      : [{ paths, commands: [], reason: 'a proxy is set; take it out unless the machines stand behind it' }];
  },
};
