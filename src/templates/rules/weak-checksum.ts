import { headerOf, settingEdit, wordsOf } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { isStatic } from '../value.ts';

export const weakChecksum: LintRule = {
  id: 'weak-checksum',
  title: 'Weak checksum of the artifact',
  severity: 'warning',
  why: 'The checksum post-processor writes MD5 if nothing else is said; MD5 and SHA-1 do not protect against a changed image.',
  fix: 'Set checksum_types = ["sha256"].',
  example: {
    language: 'build',
    bad: 'post-processor "checksum" {\n  output = "debian.checksum"\n}',
    good: 'post-processor "checksum" {\n  checksum_types = ["sha256"]\n  output         = "debian.checksum"\n}',
  },
  isFixable: true,
  *check(project): Iterable<Found> {
    for (const { build } of project.plans) {
      for (const one of build.postProcessors.flat()) {
        if (one.labels[0] !== 'checksum') continue;
        const setting = one.setting('checksum_types');
        if (setting !== undefined && !isStatic(setting.value)) continue;
        const types = setting === undefined ? ['md5'] : wordsOf(setting.value);
        if (types.some((type) => type !== 'md5' && type !== 'sha1')) continue;
        const edit = settingEdit(one, 'checksum_types', '["sha256"]');
        yield {
          place: setting?.place ?? headerOf(one),
          message: `writes only ${types.join(' and ')}${setting === undefined ? ', the default' : ''}`,
          ...(edit === undefined ? {} : { edits: [edit] }),
        };
      }
    }
  },
};
