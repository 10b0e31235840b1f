import { expect, it } from 'vitest';
import { proxies } from '../../../src/analyzers/rules/proxies.ts';
import { hygiene } from './support.ts';

it('finds settings of apt and of the environment', async () => {
  const found = await hygiene(proxies, {
    '/etc/apt/apt.conf.d/90proxy': 'Acquire::http::Proxy "http://10.0.2.2:3142";\n',
    '/etc/environment': 'PATH=/bin\nhttp_proxy=http://10.0.2.2:3128\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/etc/apt/apt.conf.d/90proxy', '/etc/environment'],
  ]);
});

it('leaves other settings and comments alone', async () => {
  expect(
    await hygiene(proxies, {
      '/etc/apt/apt.conf.d/70debconf': 'DPkg::Pre-Install-Pkgs {"x";};\n',
      '/etc/environment': '# http_proxy=http://x\nPATH=/bin\n',
      '/etc/dnf/dnf.conf': '[main]\ngpgcheck=True\n',
    }),
  ).toEqual([]);
});
