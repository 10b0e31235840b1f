import { expect, it } from 'vitest';
import { kickstartFiles } from '../../../src/analyzers/rules/kickstart-files.ts';
import { hygiene } from './support.ts';

it('finds what installers wrote', async () => {
  const found = await hygiene(kickstartFiles, {
    '/root/anaconda-ks.cfg': 'rootpw --iscrypted x',
    '/var/log/installer/autoinstall-user-data': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/root/anaconda-ks.cfg', '/var/log/installer/autoinstall-user-data'],
  ]);
});

it('leaves other settings alone', async () => {
  expect(
    await hygiene(kickstartFiles, {
      '/etc/cloud/cloud.cfg.d/05_logging.cfg': 'x',
      '/root/.bashrc': 'x',
    }),
  ).toEqual([]);
});
