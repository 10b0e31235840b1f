import { isOn } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const doubleCompression: LintRule = {
  id: 'double-compression',
  title: 'Compressed twice',
  severity: 'warning',
  why: 'A qcow2 whose clusters are compressed does not shrink again: the compress post-processor takes its time for about nothing, and the image has to be unpacked before use.',
  fix: 'Keep one of the two: disk_compression for an image that runs as it is, compress for one that is only shipped.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "debian"\n  disk_compression = true\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  post-processor "compress" {\n    output = "debian.qcow2.gz"\n  }\n}\n',
    good: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "debian"\n  disk_compression = true\n}\nbuild {\n  sources = ["source.qemu.debian"]\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const { build } of project.plans) {
      if (!build.sources.some(({ type, block }) => type === 'qemu' && isOn(block, 'disk_compression')))
        continue;
      for (const one of build.postProcessors.flat()) {
        if (one.labels[0] !== 'compress') continue;
        yield {
          place: one.header,
          message: 'compresses an image that disk_compression has compressed already',
        };
      }
    }
  },
};
