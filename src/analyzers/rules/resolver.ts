/** Name servers of the network that the image was built in. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';

export const resolver: HygieneRule = {
  id: 'resolver',
  title: 'Name servers of the build',
  severity: 'info',
  family: 'hygiene',
  description:
    '/etc/resolv.conf is a file with name servers rather than a link to what the network sets up: machines may ask the ' +
    'build’s servers, and systemd-resolved leaves such a file alone.',
  async evaluate({ files }) {
    const entry = files.lookup('/etc/resolv.conf');
    if (!files.isFile(entry)) return [];
    const text = (await files.readEntry(entry)) ?? '';
    const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server!);
    if (servers.length === 0) return [];
    return [
      {
        paths: ['/etc/resolv.conf'],
        commands: [
          'if [ -e /run/systemd/resolve/stub-resolv.conf ]; then ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; else : >/etc/resolv.conf; fi',
        ],
        reason: `${someOf(servers, 3)} answered the build; whatever configures the network should say who answers machines`,
      },
    ];
  },
};
