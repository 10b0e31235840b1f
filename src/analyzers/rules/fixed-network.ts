/** Network configuration of one machine. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

export const fixedNetwork: HygieneRule = {
  id: 'fixed-network',
  title: 'Network configuration of the build machine',
  severity: 'warning',
  family: 'hygiene',
  description:
    'udev names by hardware address, NetworkManager connections, netplan and ifcfg files with a MAC address: they fit one machine.',
  async evaluate({ files }) {
    const paths: string[] = [];
    for (const entry of files.glob('/etc/udev/rules.d/70-persistent-net.rules'))
      if (files.isFile(entry)) paths.push(files.pathOf(entry));
    for (const entry of [
      ...files.glob('/etc/netplan/*.yaml'),
      ...files.glob('/etc/NetworkManager/system-connections/*'),
      ...files.glob('/etc/sysconfig/network-scripts/ifcfg-*'),
    ]) {
      const text = (await files.readEntry(entry)) ?? '';
      if (/^\s*(?:macaddress|mac-address|HWADDR|UUID)\s*[:=]\s*\S/m.test(text))
        paths.push(files.pathOf(entry));
    }
    return paths.length === 0
      ? []
      : [
          {
            paths,
            commands: [],
            reason: 'hardware addresses of one machine; on others the network may not come up',
          },
        ];
  },
};
