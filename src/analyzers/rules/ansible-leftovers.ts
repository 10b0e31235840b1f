/** Run it after the last play: Ansible is using the folder while it works. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const ansibleLeftovers: RemovalRule = pathRule({
  id: 'ansible-leftovers',
  title: 'Temporary files of Ansible and Packer',
  safety: 'safe',
  family: 'temporary files',
  description: '~/.ansible/{tmp,cp} and the folders of provisioners.',
  why: 'modules and sockets of plays that are over',
  places: [
    {
      patterns: [
        '~/.ansible/tmp',
        '~/.ansible/cp',
        '~/.ansible_async',
        '/var/chef/cache',
        '/var/chef/backup',
        '/tmp/packer-*',
        '/opt/puppetlabs/puppet/cache',
      ],
      command:
        'rm -rf /root/.ansible/tmp /home/*/.ansible/tmp /root/.ansible/cp /home/*/.ansible/cp /root/.ansible_async /home/*/.ansible_async /var/chef/cache /var/chef/backup /tmp/packer-* /opt/puppetlabs/puppet/cache',
    },
  ],
});
