import { isOn } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

/** Post-processors after which the artifact is another file. */
const REPLACING = new Set(['compress', 'vagrant', 'artifice', 'ovftool', 'docker-save', 'docker-export']);

export const manifestOrder: LintRule = {
  id: 'manifest-order',
  title: 'The manifest names the wrong files',
  severity: 'warning',
  why: 'manifest writes down the files that it is handed. Before compress, or in a chain of its own beside one that deletes its input, these are files that do not exist in the end.',
  fix: 'Put manifest last in the chain (post-processors) that makes the final files.',
  example: {
    language: 'build',
    bad: 'post-processors {\n  post-processor "manifest" {}\n  post-processor "compress" {\n    output = "debian.qcow2.gz"\n  }\n}',
    good: 'post-processors {\n  post-processor "compress" {\n    output = "debian.qcow2.gz"\n  }\n  post-processor "manifest" {}\n}',
  },
  *check(project): Iterable<Found> {
    for (const { build } of project.plans) {
      for (const chain of build.postProcessors) {
        const at = chain.findIndex((one) => one.labels[0] === 'manifest');
        const manifest = chain[at];
        if (manifest === undefined) continue;
        const later = chain.slice(at + 1).find((one) => REPLACING.has(one.labels[0] ?? ''));
        if (later !== undefined) {
          yield {
            place: manifest.header,
            message: `comes before ${later.labels[0]}, which replaces the files that it names`,
          };
          continue;
        }
        if (chain.slice(0, at).some((one) => REPLACING.has(one.labels[0] ?? ''))) continue;
        const other = build.postProcessors.find(
          (each) =>
            each !== chain && each[0]?.labels[0] === 'compress' && !isOn(each[0], 'keep_input_artifact'),
        );
        if (other !== undefined && !chain.some((one) => isOn(one, 'keep_input_artifact'))) {
          yield {
            place: manifest.header,
            message: 'names the files that compress, in a chain beside it, replaces',
          };
        }
      }
    }
  },
};
