/** 19.6 MB on Debian 12. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const isoCodes: RemovalRule = packageRule({
  id: 'iso-codes',
  title: 'Tables of countries and languages',
  safety: 'review',
  family: 'documentation',
  description: 'iso-codes and its translations: graphical choosers read them.',
  why: 'only graphical choosers of countries and languages read them',
  names: /^iso-codes$/,
});
