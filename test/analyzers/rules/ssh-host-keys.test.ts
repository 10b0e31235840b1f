import { expect, it } from 'vitest';
import { sshHostKeys } from '../../../src/analyzers/rules/ssh-host-keys.ts';
import { hygiene } from './support.ts';

it('finds private host keys', async () => {
  const found = await hygiene(sshHostKeys, {
    '/etc/ssh/ssh_host_rsa_key': 'x',
    '/etc/ssh/ssh_host_rsa_key.pub': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/etc/ssh/ssh_host_rsa_key'],
  ]);
});

it('leaves configuration and lone public keys alone', async () => {
  expect(
    await hygiene(sshHostKeys, {
      '/etc/ssh/sshd_config': 'x',
      '/etc/ssh/ssh_host_rsa_key.pub': 'x',
    }),
  ).toEqual([]);
});

it('says whether somebody makes new ones', async () => {
  const tree = { '/etc/ssh/ssh_host_rsa_key': 'x' };
  const [alone] = await hygiene(sshHostKeys, tree);
  const [cloud] = await hygiene(sshHostKeys, tree, [{ name: 'cloud-init' }]);
  expect(alone!.reason).toContain('ssh-keygen -A');
  expect(cloud!.reason).toContain('at first boot');
});
