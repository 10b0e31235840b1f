/** Manual and info pages. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const manuals: RemovalRule = pathRule({
  id: 'manuals',
  title: 'Manual and info pages',
  safety: 'review',
  family: 'documentation',
  description: 'Everything in /usr/share/{man,info,help,gtk-doc,gnome/help}; the folders stay.',
  why: 'people read them elsewhere; leave them where administrators log in',
  places: [
    {
      patterns: [
        '/usr/share/man/*',
        '/usr/share/info/*',
        '/usr/share/help/*',
        '/usr/share/gtk-doc/*',
        '/usr/share/gnome/help/*',
      ],
      command:
        'rm -rf /usr/share/man/* /usr/share/info/* /usr/share/help/* /usr/share/gtk-doc/* /usr/share/gnome/help/*',
    },
  ],
});
