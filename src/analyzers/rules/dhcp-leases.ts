/** Several machines with one identifier get one address. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const dhcpLeases: HygieneRule = pathHygiene({
  id: 'dhcp-leases',
  title: 'DHCP leases',
  severity: 'warning',
  description:
    'Leases and identifiers of dhclient, NetworkManager, networkd and dhcpcd: machines would ask for the build machine’s address.',
  patterns: [
    '/var/lib/dhcp/*.leases',
    '/var/lib/dhclient/*',
    '/var/lib/NetworkManager/*.lease',
    '/var/lib/NetworkManager/secret_key',
    '/var/lib/dhcpcd/*',
    '/var/lib/systemd/network/*',
    '/etc/dhcpcd.duid',
  ],
  command:
    'rm -rf /var/lib/dhcp/*.leases /var/lib/dhclient/* /var/lib/NetworkManager/*.lease /var/lib/NetworkManager/secret_key /var/lib/dhcpcd/* /etc/dhcpcd.duid',
  why: 'machines would ask for the address of the build',
});
