import { expect, it } from 'vitest';
import { registrations } from '../../../src/analyzers/rules/registrations.ts';
import { hygiene } from './support.ts';

it('finds entitlements', async () => {
  const found = await hygiene(registrations, {
    '/etc/pki/entitlement/0123.pem': 'x',
    '/etc/pki/consumer/key.pem': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/etc/pki/consumer/key.pem', '/etc/pki/entitlement/0123.pem'],
  ]);
});

it('leaves certificates of the distribution alone', async () => {
  expect(
    await hygiene(registrations, {
      '/etc/pki/tls/cert.pem': 'x',
      '/etc/pki/product/69.pem': 'x',
    }),
  ).toEqual([]);
});
