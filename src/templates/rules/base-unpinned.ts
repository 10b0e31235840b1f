import type { Block } from '../model.ts';
import { headerOf, isMoving, isOn, sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { staticText, toText } from '../value.ts';

export const baseUnpinned: LintRule = {
  id: 'base-unpinned',
  title: 'The base image changes by itself',
  severity: 'info',
  why: '"latest" is another image every week, so the same template gives different images, and what grew or broke cannot be told from the template.',
  fix: 'Name a release: a dated address with its checksum, an image id, a version; and raise it in a commit.',
  example: {
    language: 'source',
    bad: 'disk_image   = true\niso_url      = "https://cloud.example.org/bookworm/latest/debian-12.qcow2"\niso_checksum = "file:https://cloud.example.org/bookworm/latest/SHA512SUMS"',
    good: 'disk_image   = true\niso_url      = "https://cloud.example.org/bookworm/20240211-1654/debian-12.qcow2"\niso_checksum = "file:https://cloud.example.org/bookworm/20240211-1654/SHA512SUMS"',
  },
  *check(project): Iterable<Found> {
    for (const { type, block } of sourcesOfType(project, /./)) {
      const address = block.setting('iso_url');
      const checksum = block.value('iso_checksum');
      const text = address === undefined ? '' : toText(address.value).text;
      // A checksum in the template pins what any address gives.
      const isPinned =
        checksum !== undefined && /^(?:(?:md5|sha\d+):)?[0-9a-fA-F]{32,}$/.test(staticText(checksum) ?? '');
      if (address !== undefined && !isPinned && isMoving(text)) {
        yield { place: address.place, message: 'is another image with every release' };
      }
      yield* ofCloud(type, block);
    }
  },
};

function* ofCloud(type: string, block: Block): Iterable<Found> {
  if (type.startsWith('amazon-')) {
    const filter = block.blocks.find((one) => one.type === 'source_ami_filter');
    if (filter !== undefined && isOn(filter, 'most_recent')) {
      yield { place: headerOf(filter), message: 'takes the newest image that matches' };
    }
  } else if (type === 'googlecompute') {
    const family = block.setting('source_image_family');
    if (family !== undefined && block.setting('source_image') === undefined) {
      yield { place: family.place, message: 'takes the newest image of the family' };
    }
  } else if (type === 'azure-arm') {
    const version = block.setting('image_version');
    if (version !== undefined && staticText(version.value) === 'latest') {
      yield { place: version.place, message: 'takes the newest version of the image' };
    }
  } else if (type === 'docker') {
    const image = block.setting('image');
    const name = staticText(image?.value);
    if (
      image !== undefined &&
      name !== undefined &&
      !name.includes('@') &&
      !/:(?!latest$)[\w.-]+$/.test(name)
    ) {
      yield { place: image.place, message: 'names no version of the image' };
    }
  }
}
