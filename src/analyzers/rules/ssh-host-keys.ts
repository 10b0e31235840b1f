/** Every machine that starts from the image would identify itself with the same keys. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

export const sshHostKeys: HygieneRule = {
  id: 'ssh-host-keys',
  title: 'SSH host keys',
  severity: 'error',
  family: 'hygiene',
  description:
    'Private keys /etc/ssh/ssh_host_*: all machines of the image could be impersonated by each other. Debian’s sshd ' +
    'does not make new ones by itself; cloud-init does, and Fedora’s sshd-keygen@.',
  evaluate({ files, graph }) {
    const found = files
      .glob('/etc/ssh/ssh_host_*')
      .filter((entry) => files.isFile(entry) && !files.name(entry).endsWith('.pub'));
    if (found.length === 0) return [];
    const regenerates =
      graph.matching(/^cloud-init$/).length > 0 ||
      files.glob('/usr/lib/systemd/system/sshd-keygen*').length > 0 ||
      files.glob('/etc/systemd/system/*/*regenerate*ssh*').length > 0;
    return [
      {
        paths: found.map((entry) => files.pathOf(entry)),
        commands: ['rm -f /etc/ssh/ssh_host_*'],
        reason: regenerates
          ? 'the same on every machine; new ones are made at first boot'
          : 'the same on every machine; nothing here makes new ones at first boot, so add a unit that runs ssh-keygen -A',
      },
    ];
  },
};
