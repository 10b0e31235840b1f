/** Files below /usr/share/doc of other packages have a rule of their own. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const documentationPackages: RemovalRule = packageRule({
  id: 'documentation-packages',
  title: 'Packages of documentation',
  safety: 'review',
  family: 'documentation',
  description: '*-doc, manpages-dev, debian-faq, doc-debian and the like.',
  why: 'nobody reads them on a machine that was started from an image',
  names:
    /^(?:.*-doc|.*-docs|.*-doc-html|manpages-dev|debian-faq|doc-debian|doc-base|info|texinfo|install-info-doc)$/,
});
