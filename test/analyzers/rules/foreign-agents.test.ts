import { expect, it } from 'vitest';
import { foreignAgents } from '../../../src/analyzers/rules/foreign-agents.ts';
import { blocks, suggestions } from './support.ts';

it('finds agents of other clouds', async () => {
  const [found, ...more] = await suggestions(
    foreignAgents,
    {
      '/usr/sbin/waagent': 300000,
      '/usr/bin/google_guest_agent': 19000000,
      '/usr/bin/ssm-agent': 50000000,
    },
    [
      { name: 'waagent', paths: ['/usr/sbin/waagent'] },
      { name: 'google-guest-agent', paths: ['/usr/bin/google_guest_agent'] },
      { name: 'amazon-ssm-agent', paths: ['/usr/bin/ssm-agent'] },
    ],
    { platform: 'aws' },
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(300000, 19000000));
  expect(found!.packages).toEqual(['waagent', 'google-guest-agent']);
});

it('keeps its own', async () => {
  expect(
    await suggestions(
      foreignAgents,
      {
        '/usr/bin/ssm-agent': 50000000,
      },
      [{ name: 'amazon-ssm-agent', paths: ['/usr/bin/ssm-agent'] }],
      { platform: 'aws' },
    ),
  ).toEqual([]);
});

it('says nothing as long as the platform is open', async () => {
  const waagent = { name: 'waagent', paths: ['/usr/sbin/waagent'] };
  expect(await suggestions(foreignAgents, { '/usr/sbin/waagent': 300_000 }, [waagent])).toEqual([]);
});
