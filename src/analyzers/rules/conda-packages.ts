/** `conda clean --all` does the same; hard links count with their last one. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const condaPackages: RemovalRule = pathRule({
  id: 'conda-packages',
  title: 'Packages that conda unpacked',
  safety: 'review',
  family: 'package caches',
  description:
    'pkgs/ of a conda installation: archives, and trees whose files are hard-linked into environments.',
  why: 'conda links from here when an environment is made; only what no environment uses is freed',
  places: [
    {
      patterns: [
        '/opt/conda/pkgs/*',
        '/opt/miniconda3/pkgs/*',
        '/opt/anaconda3/pkgs/*',
        '~/miniconda3/pkgs/*',
        '~/anaconda3/pkgs/*',
      ],
      command:
        'rm -rf /opt/conda/pkgs/* /opt/miniconda3/pkgs/* /opt/anaconda3/pkgs/* /root/miniconda3/pkgs/* /home/*/miniconda3/pkgs/* /root/anaconda3/pkgs/* /home/*/anaconda3/pkgs/*',
    },
  ],
});
