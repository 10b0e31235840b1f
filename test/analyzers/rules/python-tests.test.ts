import { expect, it } from 'vitest';
import { pythonTests } from '../../../src/analyzers/rules/python-tests.ts';
import { blocks, suggestions } from './support.ts';

it('finds tests in site-packages and of a Python that was built', async () => {
  const [found, ...more] = await suggestions(
    pythonTests,
    {
      '/opt/venv/lib/python3.11/site-packages/numpy/tests/test_x.py': 500000,
      '/usr/local/lib/python3.11/site-packages/pip/x.py': 10,
      '/usr/local/lib/python3.11/test/test_os.py': 90000,
      '/usr/local/lib/python3.11/os.py': 10,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(500000, 90000) + 2 * 4096);
});

it('leaves the distribution’s own alone, and directories of other names', async () => {
  expect(
    await suggestions(
      pythonTests,
      {
        '/usr/lib/python3.11/site-packages/numpy/tests/test_x.py': 500000,
        '/opt/venv/lib/python3.11/site-packages/numpy/testing/x.py': 10,
      },
      [
        {
          name: 'python3-numpy',
          manager: 'rpm',
          paths: ['/usr/lib/python3.11/site-packages/numpy/tests/test_x.py'],
        },
      ],
    ),
  ).toEqual([]);
});
