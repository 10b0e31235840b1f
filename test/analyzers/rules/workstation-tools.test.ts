import { expect, it } from 'vitest';
import { workstationTools } from '../../../src/analyzers/rules/workstation-tools.ts';
import { blocks, suggestions } from './support.ts';

it('finds them, with bytecode that was compiled at installation', async () => {
  const [found, ...more] = await suggestions(
    workstationTools,
    {
      '/usr/bin/reportbug': 100000,
      '/usr/lib/python3/dist-packages/reportbug/x.py': 9000,
      '/usr/lib/python3/dist-packages/reportbug/__pycache__/x.cpython-311.pyc': 8000,
    },
    [
      { name: 'reportbug', requires: ['python3-reportbug'], paths: ['/usr/bin/reportbug'] },
      {
        name: 'python3-reportbug',
        automatic: true,
        paths: ['/usr/lib/python3/dist-packages/reportbug', '/usr/lib/python3/dist-packages/reportbug/x.py'],
      },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(100000, 9000, 8000) + 2 * 4096);
});

it('keeps what the boot needs', async () => {
  expect(
    await suggestions(
      workstationTools,
      {
        '/usr/bin/reportbug': 100000,
        '/usr/lib/python3/dist-packages/reportbug/x.py': 9000,
        '/usr/lib/python3/dist-packages/reportbug/__pycache__/x.cpython-311.pyc': 8000,
      },
      [
        { name: 'wpasupplicant', automatic: true, paths: ['/usr/bin/reportbug'] },
        { name: 'network-manager', requires: ['wpasupplicant'], paths: [] },
      ],
    ),
  ).toEqual([]);
});
