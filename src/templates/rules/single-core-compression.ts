import type { Found, LintRule } from '../rule.ts';
import { staticText } from '../value.ts';

export const singleCoreCompression: LintRule = {
  id: 'single-core-compression',
  title: 'Compression on one core',
  severity: 'info',
  why: 'Packer compresses xz and bzip2 on a single core; an image of some gigabytes takes many minutes.',
  fix: 'Use gzip or lz4 there, or imgopt compress with zstd on all cores.',
  example: {
    language: 'build',
    bad: 'post-processor "compress" {\n  output = "debian.qcow2.xz"\n}',
    good: 'post-processor "compress" {\n  output = "debian.qcow2.gz"\n}',
  },
  *check(project): Iterable<Found> {
    for (const { build } of project.plans) {
      for (const one of build.postProcessors.flat()) {
        if (one.labels[0] !== 'compress') continue;
        const format = one.setting('format');
        const output = one.setting('output');
        const name =
          staticText(output?.value) ?? (output?.value.kind === 'string' ? output.value.text.text : '');
        const setting = /^(?:xz|bzip2|bz2)$/.test(staticText(format?.value) ?? '')
          ? format
          : /\.(?:xz|bz2|bzip2)$/.test(name)
            ? output
            : undefined;
        if (setting !== undefined) {
          yield { place: setting.place, message: 'is compressed on one core' };
        }
      }
    }
  },
};
