import { expect, it } from 'vitest';
import { resolver } from '../../../src/analyzers/rules/resolver.ts';
import { hygiene } from './support.ts';

it('finds name servers of the build', async () => {
  const found = await hygiene(resolver, {
    '/etc/resolv.conf': '# made by hand\nsearch corp.example\nnameserver 10.0.2.3\n',
  });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ severity: 'info', paths: ['/etc/resolv.conf'] });
  expect(found[0]!.reason).toContain('10.0.2.3 answered the build');
});

it('says nothing of a link, or of a file without servers', async () => {
  const link = {
    '/run/systemd/resolve/stub-resolv.conf': 'nameserver 127.0.0.53\n',
    '/etc/resolv.conf': { link: '../run/systemd/resolve/stub-resolv.conf' },
  };
  expect(await hygiene(resolver, link)).toEqual([]);
  expect(await hygiene(resolver, { '/etc/resolv.conf': '# the network fills it\n' })).toEqual([]);
});
