import { headerOf, possible, sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { isUnset, staticText } from '../value.ts';

export const isoChecksum: LintRule = {
  id: 'iso-checksum',
  title: 'The base image is not checked',
  severity: 'error',
  why: 'With iso_checksum = "none" whatever the server (or anybody on the way) sends becomes the base of the image, and a broken download goes unnoticed.',
  fix: 'Write iso_checksum = "sha256:…", or file:https://…/SHA256SUMS of the same release.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  iso_url      = "https://example.org/debian.iso"\n  iso_checksum = "none"\n  ssh_username = "debian"\n}\n',
    good: 'source "qemu" "debian" {\n  iso_url      = "https://example.org/debian.iso"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /./)) {
      const url = block.setting('iso_url') ?? block.setting('iso_urls');
      if (url === undefined || isUnset(url.value)) continue;
      const setting = block.setting('iso_checksum');
      const type = staticText(block.value('iso_checksum_type'));
      if (type === 'none') {
        yield { place: block.setting('iso_checksum_type')!.place, message: 'nothing checks the base image' };
        continue;
      }
      // A file on this machine is not on the way.
      if (/^(?:file:|\.{0,2}\/)|^[^:]*$/.test(staticText(url.value) ?? ':')) continue;
      const values = possible(setting?.value);
      if (values.every((value) => value === 'none')) {
        yield { place: setting!.place, message: 'nothing checks the base image' };
      } else if (setting === undefined && block.setting('iso_checksum_url') === undefined) {
        yield { place: headerOf(block), message: 'iso_checksum is missing: nothing checks the base image' };
      }
    }
  },
};
