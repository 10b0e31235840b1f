import { sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { itemsOf, member, staticText, type Value } from '../value.ts';

/** GiB beyond which a root volume is larger than what distributions' own images need with room to work. */
const USUAL_GIB = 32;

export const oversizedVolume: LintRule = {
  id: 'oversized-volume',
  title: 'A large root volume',
  severity: 'info',
  why: 'The size of the volume in the image is the least that every instance of it pays for, and a filesystem grows at first boot but never shrinks.',
  fix: 'Give volume_size a little more than what is used (imgopt analyze tells how much), and let cloud-init grow the filesystem.',
  example: {
    language: 'hcl',
    bad: 'source "amazon-ebs" "web" {\n  region        = "eu-west-1"\n  source_ami    = "ami-00000000000000000"\n  instance_type = "t3.small"\n  ssh_username  = "admin"\n  ami_name      = "web"\n  launch_block_device_mappings {\n    device_name = "/dev/xvda"\n    volume_size = 200\n  }\n}\n',
    good: 'source "amazon-ebs" "web" {\n  region        = "eu-west-1"\n  source_ami    = "ami-00000000000000000"\n  instance_type = "t3.small"\n  ssh_username  = "admin"\n  ami_name      = "web"\n  launch_block_device_mappings {\n    device_name = "/dev/xvda"\n    volume_size = 8\n  }\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /^amazon-/)) {
      // Windows needs as much as that for itself.
      if (staticText(block.value('communicator')) === 'winrm') continue;
      const nested = block.blocks.filter((one) => one.type === 'launch_block_device_mappings');
      const fromBlocks = nested.map((one) => one.value('volume_size'));
      const fromValues =
        nested.length > 0
          ? []
          : itemsOf(block.value('launch_block_device_mappings')).map((one) => member(one, 'volume_size'));
      for (const value of [...fromBlocks, ...fromValues]) yield* large(value);
    }
  },
};

function* large(value: Value | undefined): Iterable<Found> {
  const size = Number(staticText(value));
  if (value === undefined || !(size > USUAL_GIB)) return;
  yield { place: value.place, message: `every instance of this image pays for at least ${size} GiB` };
}
