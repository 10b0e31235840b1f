import { expect, it } from 'vitest';
import { staticLibraries } from '../../../src/analyzers/rules/static-libraries.ts';
import { blocks, suggestions } from './support.ts';

it('finds what make install left for linkers', async () => {
  const [found, ...more] = await suggestions(staticLibraries, {
    '/usr/local/lib/libthing.a': 5_000_000,
    '/usr/local/lib/libthing.la': 900,
    '/usr/local/lib/libthing.so.1': 700_000,
    "/opt/it's/lib/libx.a": 9000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5_000_000, 900, 9000));
  expect(found!.commands).toEqual([
    "rm -f '/opt/it'\\''s/lib/libx.a' /usr/local/lib/libthing.a /usr/local/lib/libthing.la",
  ]);
});

it('leaves packages’ own alone, and what compilers and interpreters link with', async () => {
  const found = await suggestions(
    staticLibraries,
    {
      '/usr/lib/x86_64-linux-gnu/libc.a': 5_000_000,
      '/usr/local/lib/libowned.a': 5_000_000,
      '/usr/local/go/pkg/linux_amd64/fmt.a': 800_000,
      '/usr/local/lib/python3.12/config-3.12-x86_64-linux-gnu/libpython3.12.a': 60_000_000,
    },
    [{ name: 'owner', paths: ['/usr/local/lib/libowned.a'] }],
  );
  expect(found).toEqual([]);
});
