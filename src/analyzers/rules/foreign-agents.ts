/** Agents of other clouds and hypervisors than the one that the image is for. */
import type { Platform, RemovalRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';

const AGENTS: readonly { readonly names: RegExp; readonly of: readonly Platform[] }[] = [
  { names: /^(?:waagent|walinuxagent|WALinuxAgent.*|python3?-azure-agent)$/, of: ['azure'] },
  {
    names: /^(?:google-(?:guest-agent|osconfig-agent|compute-engine.*|cloud-ops-agent)|gce-.*)$/,
    of: ['gcp'],
  },
  { names: /^(?:amazon-ssm-agent|ec2-.*|amazon-ec2-.*|amazon-cloudwatch-agent|awscli-agent)$/, of: ['aws'] },
  { names: /^(?:open-vm-tools(?:-desktop)?|open-vm-tools-.*)$/, of: ['vmware'] },
  {
    names: /^(?:hyperv-daemons|hyperv-tools|hypervkvpd|hypervvssd|hypervfcopyd|hyperv-daemons-license)$/,
    of: ['hyperv', 'azure'],
  },
  { names: /^(?:virtualbox-guest-.*|virtualbox-ose-guest-.*)$/, of: ['virtualbox'] },
  { names: /^(?:xe-guest-utilities.*|xen-guest-.*)$/, of: ['xen', 'aws'] },
  {
    names: /^(?:qemu-guest-agent|spice-vdagent)$/,
    of: ['qemu', 'openstack', 'hetzner', 'digitalocean', 'oracle'],
  },
  { names: /^(?:oracle-cloud-agent|oci-utils)$/, of: ['oracle'] },
  { names: /^(?:droplet-agent|do-agent)$/, of: ['digitalocean'] },
  { names: /^(?:prl-tools|parallels-tools)$/, of: ['parallels'] },
];

export const foreignAgents: RemovalRule = {
  id: 'foreign-agents',
  title: 'Agents of other platforms',
  safety: 'review',
  family: 'platform',
  description:
    'Guest agents of clouds and hypervisors other than --platform. Without --platform nothing is said: an image for several keeps them all.',
  evaluate({ graph, options, inspection }) {
    const { platform } = options;
    if (platform === null) return [];
    const found = AGENTS.filter(({ of }) => !of.includes(platform)).flatMap(({ names }) => [
      ...graph.matching(names),
    ]);
    if (found.length === 0) return [];
    const names = found.map((index) => inspection.packages[index]!.name);
    return [
      {
        packages: found,
        paths: [],
        commands: [],
        reason: `${someOf(names, 6)}: the image is for ${platform}`,
      },
    ];
  },
};
