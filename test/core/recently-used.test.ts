import { expect, test } from 'vitest';
import { RecentlyUsed } from '../../src/core/recently-used.ts';

const loader = () => {
  const loads: string[] = [];
  const of = (key: string) => async () => {
    loads.push(key);
    return key.toUpperCase();
  };
  return { loads, of };
};

test('keeps what was used last, by weight, and loads it once', async () => {
  const { loads, of } = loader();
  const cache = new RecentlyUsed<string, string>(10);
  const both = await Promise.all([cache.get('a', 4, of('a')), cache.get('a', 4, of('a'))]);
  expect(both).toEqual(['A', 'A']);
  await cache.get('b', 4, of('b'));
  await cache.get('a', 4, of('a')); // now b is the longest unused
  await cache.get('c', 4, of('c'));
  await cache.get('a', 4, of('a'));
  expect(loads).toEqual(['a', 'b', 'c']);
  await cache.get('b', 4, of('b'));
  expect(loads).toEqual(['a', 'b', 'c', 'b']);
});

test('keeps one value that weighs more than all', async () => {
  const { loads, of } = loader();
  const cache = new RecentlyUsed<string, string>(10);
  await cache.get('a', 40, of('a'));
  await cache.get('a', 40, of('a'));
  await cache.get('b', 1, of('b'));
  await cache.get('a', 40, of('a'));
  expect(loads).toEqual(['a', 'b', 'a']);
});

test('keeps no failure, nor its weight', async () => {
  const { loads, of } = loader();
  const cache = new RecentlyUsed<string, string>(10);
  await cache.get('b', 2, of('b'));
  await expect(cache.get('a', 8, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await cache.get('a', 8, of('a'))).toBe('A');
  await cache.get('b', 2, of('b'));
  expect(loads).toEqual(['b', 'a']);
});
