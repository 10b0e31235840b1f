import { expect, it } from 'vitest';
import { randomSeed } from '../../../src/analyzers/rules/random-seed.ts';
import { hygiene } from './support.ts';

it('finds it', async () => {
  const found = await hygiene(randomSeed, {
    '/var/lib/systemd/random-seed': '0123456789abcdef',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/var/lib/systemd/random-seed'],
  ]);
});

it('leaves a system without one alone', async () => {
  expect(
    await hygiene(randomSeed, {
      '/var/lib/systemd/timers/x': 'x',
    }),
  ).toEqual([]);
});
