/** Packages that own them are removed by their own rule first. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const debugFiles: RemovalRule = pathRule({
  id: 'debug-files',
  title: 'Detached debug symbols',
  safety: 'review',
  family: 'development',
  description: '/usr/lib/debug: symbols that debuggers load, and nothing else.',
  why: 'only debuggers read them',
  places: [{ patterns: ['/usr/lib/debug/*'], command: 'rm -rf /usr/lib/debug/*' }],
});
