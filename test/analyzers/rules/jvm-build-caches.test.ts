import { expect, it } from 'vitest';
import { jvmBuildCaches } from '../../../src/analyzers/rules/jvm-build-caches.ts';
import { blocks, suggestions } from './support.ts';

it('finds artifacts and leaves settings', async () => {
  const [found, ...more] = await suggestions(jvmBuildCaches, {
    '/root/.m2/repository/org/x/x.jar': 3000000,
    '/root/.m2/settings.xml': 500,
    '/home/ci/.gradle/caches/modules-2/y.jar': 100000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000000, 100000) + 5 * 4096);
});

it('leaves settings alone', async () => {
  expect(
    await suggestions(jvmBuildCaches, {
      '/root/.m2/settings.xml': 500,
      '/home/ci/.gradle/gradle.properties': 50,
    }),
  ).toEqual([]);
});
