import { expect, it } from 'vitest';
import { pythonBytecode } from '../../../src/analyzers/rules/python-bytecode.ts';
import { blocks, suggestions } from './support.ts';

it('finds what no package of the distribution owns', async () => {
  const [found, ...more] = await suggestions(
    pythonBytecode,
    {
      '/usr/lib/python3/dist-packages/__pycache__/six.cpython-311.pyc': 40000,
      '/opt/app/__pycache__/a.cpython-311.pyc': 3000,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(40000, 3000) + 2 * 4096);
});

it('leaves packaged bytecode alone', async () => {
  expect(
    await suggestions(
      pythonBytecode,
      {
        '/usr/lib64/python3.9/__pycache__/os.cpython-39.pyc': 40000,
      },
      [
        {
          name: 'python3-libs',
          manager: 'rpm',
          paths: ['/usr/lib64/python3.9/__pycache__/os.cpython-39.pyc'],
        },
      ],
    ),
  ).toEqual([]);
});
