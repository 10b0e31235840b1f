import { expect, it } from 'vitest';
import { credentials } from '../../../src/analyzers/rules/credentials.ts';
import { hygiene } from './support.ts';

it('finds private keys and tokens by their path', async () => {
  const found = await hygiene(credentials, {
    '/root/.aws/credentials': 'x',
    '/home/ci/.ssh/id_ed25519': 'x',
    '/home/ci/.ssh/id_ed25519.pub': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/home/ci/.ssh/id_ed25519', '/root/.aws/credentials'],
  ]);
});

it('leaves public keys and known hosts alone', async () => {
  expect(
    await hygiene(credentials, {
      '/root/.ssh/known_hosts': 'x',
      '/home/ci/.ssh/id_rsa.pub': 'x',
      '/root/.docker/machine/x': 'x',
    }),
  ).toEqual([]);
});
