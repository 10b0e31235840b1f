/** What localedef compiles. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const localeSources: RemovalRule = pathRule({
  id: 'locale-sources',
  title: 'Sources of locales',
  safety: 'review',
  family: 'documentation',
  description: '/usr/share/i18n: only localedef and locale-gen read it. Compiled locales stay.',
  why: 'only locale-gen and localedef read them, to make a locale that is not there yet',
  places: [
    {
      patterns: ['/usr/share/i18n/locales/*', '/usr/share/i18n/charmaps/*'],
      command: 'rm -rf /usr/share/i18n/locales/* /usr/share/i18n/charmaps/*',
    },
  ],
});
