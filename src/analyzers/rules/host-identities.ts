/** virt-sysprep’s lvm-system-devices and its like. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const hostIdentities: HygieneRule = pathHygiene({
  id: 'host-identities',
  title: 'Identities of storage',
  severity: 'info',
  description: 'iSCSI, NVMe, LVM and RAID names of one host: shared storage would mix machines up.',
  patterns: [
    '/etc/iscsi/initiatorname.iscsi',
    '/etc/nvme/hostid',
    '/etc/nvme/hostnqn',
    '/etc/lvm/devices/system.devices',
  ],
  command: 'rm -f /etc/nvme/hostid /etc/nvme/hostnqn /etc/lvm/devices/system.devices',
  why: 'shared storage would take all machines for one',
});
