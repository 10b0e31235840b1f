/** subiquity, d-i, anaconda and YaST each keep theirs. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const installerLogs: RemovalRule = pathRule({
  id: 'installer-logs',
  title: 'Records of the installer',
  safety: 'safe',
  family: 'logs',
  description:
    '/var/log/{installer,anaconda,YaST2}, kickstart files and install logs in /root: they may hold password hashes.',
  why: 'they tell how the build machine was installed, and kickstart files may hold password hashes',
  places: [
    {
      patterns: [
        '/var/log/installer',
        '/var/log/anaconda',
        '/var/log/YaST2',
        '/root/anaconda-ks.cfg',
        '/root/original-ks.cfg',
        '/root/initial-setup-ks.cfg',
        '/root/install.log*',
        '/var/log/debian-installer',
      ],
      command:
        'rm -rf /var/log/installer /var/log/debian-installer /var/log/anaconda /var/log/YaST2 /root/anaconda-ks.cfg /root/original-ks.cfg /root/initial-setup-ks.cfg /root/install.log*',
    },
  ],
});
