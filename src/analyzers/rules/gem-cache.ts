/** Each installed gem is there twice otherwise. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const gemCache: RemovalRule = pathRule({
  id: 'gem-cache',
  title: 'Gem archives',
  safety: 'safe',
  family: 'package caches',
  description: 'The .gem files that gem install keeps beside what it unpacked.',
  why: 'only `gem pristine` reads them',
  places: [
    {
      patterns: [
        '/var/lib/gems/*/cache/*.gem',
        '/usr/local/lib/ruby/gems/*/cache/*.gem',
        '/usr/share/gems/cache/*.gem',
        '~/.local/share/gem/ruby/*/cache/*.gem',
        '~/.gem/ruby/*/cache/*.gem',
        '~/.bundle/cache',
      ],
      command:
        'rm -rf /var/lib/gems/*/cache/*.gem /usr/local/lib/ruby/gems/*/cache/*.gem /usr/share/gems/cache/*.gem /root/.local/share/gem/ruby/*/cache/*.gem /home/*/.local/share/gem/ruby/*/cache/*.gem /root/.gem/ruby/*/cache/*.gem /home/*/.gem/ruby/*/cache/*.gem /root/.bundle/cache /home/*/.bundle/cache',
    },
  ],
});
