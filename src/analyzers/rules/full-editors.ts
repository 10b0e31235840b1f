/** Only where a smaller editor stays. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const fullEditors: RemovalRule = packageRule({
  id: 'full-editors',
  title: 'Large editors',
  safety: 'review',
  family: 'packages',
  description: 'vim with its runtime, emacs: 36 MB and more where a small editor does.',
  why: 'a small editor (vim-tiny, nano) does on a server',
  names: /^(?:vim|vim-runtime|vim-nox|vim-gtk3|vim-enhanced|emacs|emacs-.*|emacs\d+.*)$/,
  except: /^emacs-filesystem$/,
  when: ({ graph }) => graph.matching(/^(?:vim-tiny|vim-minimal|nano|busybox|mg|ed)$/).length > 0,
});
