/** Command line clients of clouds: hundreds of megabytes that a build used once. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { findPlaces } from '../path-rule.ts';
import { someOf } from '../suggest-text.ts';

export const cloudClients: RemovalRule = {
  id: 'cloud-clients',
  title: 'Command line clients of clouds',
  safety: 'review',
  family: 'platform',
  description:
    'AWS CLI, Google Cloud SDK and Azure CLI, packaged or unpacked; terraform and the like beside them.',
  evaluate({ files, graph, inspection }) {
    const packages = graph.matching(
      /^(?:awscli|awscli-2|aws-cli|azure-cli|google-cloud-(?:cli|sdk)(?:-.*)?|terraform|packer|openstackclient|python3-openstackclient|doctl)$/,
    );
    const why = 'scripts of the build used them; machines that need them can fetch them';
    const unpacked = findPlaces(
      files,
      inspection.table,
      [
        {
          patterns: [
            '/usr/local/aws-cli',
            '/opt/google-cloud-sdk',
            '/opt/google/google-cloud-sdk',
            '~/google-cloud-sdk',
            '/opt/az',
            '~/lib/azure-cli',
          ],
          command:
            'rm -rf /usr/local/aws-cli /opt/google-cloud-sdk /opt/google/google-cloud-sdk /root/google-cloud-sdk /home/*/google-cloud-sdk /opt/az /root/lib/azure-cli /home/*/lib/azure-cli',
          keeps: (name) =>
            name === 'az' && packages.some((index) => inspection.packages[index]!.name === 'azure-cli'),
        },
      ],
      why,
    );
    if (packages.length === 0) return unpacked;
    const names = packages.map((index) => inspection.packages[index]!.name);
    return [...unpacked, { packages, paths: [], commands: [], reason: `${someOf(names, 6)}: ${why}` }];
  },
};
