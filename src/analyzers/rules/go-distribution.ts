/** The official tarball carries its own test suite. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const goDistribution: RemovalRule = pathRule({
  id: 'go-distribution',
  title: 'Tests and documentation of Go’s distribution',
  safety: 'review',
  family: 'language leftovers',
  description: '/usr/local/go/{test,api,doc}: what only Go’s own developers use.',
  why: 'the compiler needs none of it',
  places: [
    {
      patterns: ['/usr/local/go/test', '/usr/local/go/api', '/usr/local/go/doc', '/usr/local/go/misc'],
      command: 'rm -rf /usr/local/go/test /usr/local/go/api /usr/local/go/doc /usr/local/go/misc',
    },
  ],
});
