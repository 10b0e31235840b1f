/** Nobody who starts the image should read what the builder typed. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const shellHistories: HygieneRule = pathHygiene({
  id: 'shell-histories',
  title: 'Histories of shells and editors',
  severity: 'error',
  description:
    '.bash_history, .zsh_history, .python_history, .viminfo, .lesshst and the like: commands of the build, passwords among them.',
  patterns: [
    '~/.bash_history',
    '~/.zsh_history',
    '~/.ash_history',
    '~/.sh_history',
    '~/.python_history',
    '~/.node_repl_history',
    '~/.mysql_history',
    '~/.psql_history',
    '~/.sqlite_history',
    '~/.rediscli_history',
    '~/.viminfo',
    '~/.lesshst',
    '~/.wget-hsts',
  ],
  command:
    'rm -f /root/.*_history /home/*/.*_history /root/.viminfo /home/*/.viminfo /root/.lesshst /home/*/.lesshst /root/.wget-hsts /home/*/.wget-hsts',
  why: 'commands of the build, with whatever passwords stood in them',
});
