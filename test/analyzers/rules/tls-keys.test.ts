import { expect, it } from 'vitest';
import { tlsKeys } from '../../../src/analyzers/rules/tls-keys.ts';
import { hygiene } from './support.ts';

it('finds the snakeoil key', async () => {
  const found = await hygiene(tlsKeys, {
    '/etc/ssl/private/ssl-cert-snakeoil.key': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/etc/ssl/private/ssl-cert-snakeoil.key'],
  ]);
});

it('leaves certificates alone', async () => {
  expect(
    await hygiene(tlsKeys, {
      '/etc/ssl/certs/ssl-cert-snakeoil.pem': 'x',
      '/etc/ssl/private': null,
    }),
  ).toEqual([]);
});
