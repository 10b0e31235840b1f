import { completePlans, has, headerOf, isMoving, isOn } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { toText } from '../value.ts';

const CLOUD =
  /^(?:amazon-ebs|amazon-instance|amazon-ebssurrogate|azure-arm|googlecompute|openstack|digitalocean|hcloud|linode|oracle-oci|scaleway|vultr|alicloud-ecs|qemu)/;

export const noBaseUpdate: LintRule = {
  id: 'no-base-update',
  title: 'The base image is not updated',
  severity: 'info',
  why: 'The packages of the base image are as old as its release; what was fixed since then is missing in every machine made from it.',
  fix: 'Begin with apt-get update && apt-get -y dist-upgrade, dnf -y upgrade --refresh, or package_upgrade: true.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  disk_image   = true\n  iso_url      = "https://example.org/debian-12-20240101.qcow2"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  provisioner "shell" {\n    inline = ["apt-get install -y jq"]\n  }\n}\n',
    good: 'source "qemu" "debian" {\n  disk_image   = true\n  iso_url      = "https://example.org/debian-12-20240101.qcow2"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  provisioner "shell" {\n    inline = ["apt-get update", "apt-get -y dist-upgrade", "apt-get install -y jq"]\n  }\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, CLOUD)) {
      // An installer takes the newest packages from its mirror, as far as it has one.
      if (plan.build.sources.some(({ type, block }) => type === 'qemu' && !isOn(block, 'disk_image')))
        continue;
      // The newest image of all is up to date by itself.
      const addresses = plan.build.sources.map(({ block }) => block.value('iso_url'));
      if (addresses.every((value) => value !== undefined && isMoving(toText(value).text))) continue;
      if (
        has(plan, ({ operation }) => operation.kind === 'upgrade') ||
        plan.seeds.some((seed) => seed.upgrades)
      )
        continue;
      yield { place: headerOf(plan.build), message: 'no step updates the packages of the base image' };
    }
  },
};
