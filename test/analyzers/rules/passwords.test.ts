import { expect, it } from 'vitest';
import { passwords } from '../../../src/analyzers/rules/passwords.ts';
import { hygiene } from './support.ts';

it('tells open, known, old and usual passwords apart', async () => {
  const found = await hygiene(passwords, {
    '/etc/shadow':
      'root:$y$j9T$x$y:1::::::\nvagrant:$6$x$y:1::::::\nguest::1::::::\nold:$1$x$y:1::::::\nsshd:!:1::::::\nbin:*:1::::::\nlocked:!$6$x$y:1::::::\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/etc/shadow'],
    ['error', '/etc/shadow'],
    ['error', '/etc/shadow'],
    ['warning', '/etc/shadow'],
  ]);
});

it('leaves locked accounts alone', async () => {
  expect(
    await hygiene(passwords, {
      '/etc/shadow': 'root:*:1::::::\nsshd:!:1::::::\nlocked:!$6$x$y:1::::::\nempty:!!:1::::::\n',
    }),
  ).toEqual([]);
});

it('never shows a hash', async () => {
  const found = await hygiene(passwords, { '/etc/shadow': 'root:$6$salt$secrethash:1::::::\n' });
  expect(JSON.stringify(found)).not.toContain('secret');
  expect(found[0]!.reason).toContain('root');
});
