import { expect, it } from 'vitest';
import { authorizedKeys } from '../../../src/analyzers/rules/authorized-keys.ts';
import { hygiene } from './support.ts';

it('finds keys in every home', async () => {
  const found = await hygiene(authorizedKeys, {
    '/root/.ssh/authorized_keys': '# none\nssh-ed25519 AAAA packer_1234\n',
    '/home/admin/.ssh/authorized_keys': 'ssh-rsa AAAA me\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/root/.ssh/authorized_keys', '/home/admin/.ssh/authorized_keys'],
  ]);
});

it('leaves empty files and comments alone', async () => {
  expect(
    await hygiene(authorizedKeys, {
      '/root/.ssh/authorized_keys': '\n# ssh-ed25519 AAAA x\n',
      '/root/.ssh/known_hosts': 'x',
    }),
  ).toEqual([]);
});
