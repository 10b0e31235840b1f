/** systemd's machine-id(5): an image has it empty or says `uninitialized`. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

export const machineId: HygieneRule = {
  id: 'machine-id',
  title: 'Machine id',
  severity: 'error',
  family: 'hygiene',
  description:
    '/etc/machine-id or /var/lib/dbus/machine-id is set: DHCP leases, journals and licences of all machines would collide.',
  async evaluate({ files }) {
    const paths: string[] = [];
    for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
      // D-Bus' is usually a link to the other.
      if (files.isFile(files.lookup(path)) && /^[0-9a-f]{32}\s*$/.test((await files.read(path)) ?? ''))
        paths.push(path);
    }
    if (paths.length === 0) return [];
    return [
      {
        paths,
        commands: [
          'truncate -s 0 /etc/machine-id',
          'rm -f /var/lib/dbus/machine-id && ln -s /etc/machine-id /var/lib/dbus/machine-id || true',
        ],
        reason: 'the same on every machine; empty, systemd makes one at first boot',
      },
    ];
  },
};
