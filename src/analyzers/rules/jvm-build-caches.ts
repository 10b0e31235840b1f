/** Settings with credentials stand beside them and stay. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const jvmBuildCaches: RemovalRule = pathRule({
  id: 'jvm-build-caches',
  title: 'Caches of Maven and Gradle',
  safety: 'safe',
  family: 'package caches',
  description: '~/.m2/repository, ~/.gradle/caches and the distributions that Gradle’s wrapper downloaded.',
  why: 'fetched again by the next build',
  places: [
    {
      patterns: ['~/.m2/repository', '~/.gradle/caches', '~/.gradle/wrapper/dists', '~/.ivy2/cache'],
      command:
        'rm -rf /root/.m2/repository /home/*/.m2/repository /root/.gradle/caches /home/*/.gradle/caches /root/.gradle/wrapper/dists /home/*/.gradle/wrapper/dists /root/.ivy2/cache /home/*/.ivy2/cache',
    },
  ],
});
