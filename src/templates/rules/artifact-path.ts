import type { Found, LintRule } from '../rule.ts';
import { staticText } from '../value.ts';

const DISK = /\.(?:qcow2|vmdk|vdi|vhdx?|raw|img|ova|ovf|box)$/;

export const artifactPath: LintRule = {
  id: 'artifact-path',
  title: 'A path of the artifact is written twice',
  severity: 'info',
  why: 'shell-local is told no paths, so scripts spell the output folder out; when output_directory or vm_name changes, they work on a file that is gone or on the one of the last build.',
  fix: 'Run a manifest post-processor before it and read the path from packer-manifest.json, as imgopt packer post-process does, or use one local for both.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "debian"\n  output_directory = "output"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  post-processor "shell-local" {\n    inline = ["qemu-img convert -c -O qcow2 output/debian.qcow2 small.qcow2"]\n  }\n}\n',
    good: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "debian"\n  output_directory = "output"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  post-processors {\n    post-processor "manifest" {}\n    post-processor "shell-local" {\n      inline = ["imgopt packer post-process"]\n    }\n  }\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const { build } of project.plans) {
      const folders = build.sources.flatMap(({ block, name }) => [
        (staticText(block.value('output_directory')) ?? `output-${name}`).replace(/^\.\/|\/$/g, ''),
      ]);
      const blocks = build.postProcessors.flat().filter((one) => one.labels[0] === 'shell-local');
      for (const unit of project.scripts) {
        if (!unit.isLocal) continue;
        for (const one of unit.script.invocations) {
          for (const arg of one.args) {
            const path = arg.text.replace(/^\.\//, '');
            const isArtifact =
              folders.some((folder) => folder !== '' && path.startsWith(`${folder}/`)) &&
              (DISK.test(path) || !/\.\w+$/.test(path));
            if (!isArtifact || path.endsWith('/')) continue;
            const place = one.script.mapped.exactPlaceOf(arg.start, arg.end);
            // Only in this build's post-processors, and only where it is spelled out.
            const isHere = blocks.some(
              (block) =>
                place !== undefined &&
                block.place.file === place.file &&
                block.place.start <= place.start &&
                place.end <= block.place.end,
            );
            if (
              place !== undefined &&
              isHere &&
              !place.file.text.slice(place.start, place.end).includes('${')
            ) {
              yield { place, message: 'spells out where the artifact lies: the manifest knows' };
            }
          }
        }
      }
    }
  },
};
