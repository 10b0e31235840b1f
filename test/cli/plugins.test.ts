import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRegistry } from '../../src/registry.ts';
import { imgopt, ROOT } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();

/** A CLI whose only difference from imgopt is that it lists a plugin with this hook. */
function withPlugin(name: string, hook: string): string {
  const root = join(folder, name);
  const plugin = join(root, 'node_modules', 'imgopt-plugin-test');
  mkdirSync(plugin, { recursive: true });
  const hooks = { 'imgopt:contribute': './hook.js' };
  writeFileSync(
    join(plugin, 'package.json'),
    JSON.stringify({ name: 'imgopt-plugin-test', version: '1.0.0', type: 'module', oclif: { hooks } }),
  );
  writeFileSync(join(plugin, 'hook.js'), hook);
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({
      name: 'imgopt',
      version: '1.0.0',
      type: 'module',
      dependencies: { 'imgopt-plugin-test': '*' },
      oclif: {
        bin: 'imgopt',
        plugins: ['imgopt-plugin-test'],
        commands: { strategy: 'pattern', target: './dist/commands' },
      },
    }),
  );
  symlinkSync(join(ROOT, 'dist'), join(root, 'dist'));
  writeFileSync(
    join(root, 'run.js'),
    `import { main } from '${pathToFileURL(join(ROOT, 'dist', 'cli', 'main.js')).href}';\nawait main(import.meta.url);\n`,
  );
  return join(root, 'run.js');
}

const FORMAT = `{
  name: 'made-up',
  probe: ({ head }) => Buffer.from(head.subarray(0, 7)).toString() === 'MADE UP' ? { certainty: 'certain', description: 'made up' } : undefined,
  async open() { throw Object.assign(new Error('opened by the plugin'), { name: 'AbortError' }); },
}`;

describe('plugins', () => {
  it('contribute drivers that are asked before raw', async () => {
    const image = join(folder, 'image');
    writeFileSync(image, 'MADE UP image'.padEnd(4096, '.'));
    const run = withPlugin('good', `export default async () => ({ apiVersion: 1, formats: [${FORMAT}] });`);
    const plain = await imgopt(['analyze', image]);
    const extended = await imgopt(['analyze', image], { program: run });
    expect(plain.stderr).toMatch(/IMGOPT_UNKNOWN_FORMAT/);
    expect({ code: extended.code, stderr: extended.stderr }).toMatchObject({ code: 130 }); // its open ran
  });

  it('that fail are shown by name, and the rest goes on', async () => {
    const run = withPlugin('bad', `export default async () => { throw new Error('out of order'); };`);
    const image = join(folder, 'nothing');
    writeFileSync(image, Buffer.alloc(4096, 0x90)); // what is missing is noticed before plugins are asked
    const { stderr, code } = await imgopt(['analyze', image], { program: run });
    expect(stderr).toMatch(/IMGOPT_PLUGIN_FAILED: imgopt-plugin-test: out of order/);
    expect(stderr).toMatch(/IMGOPT_UNKNOWN_FORMAT/);
    expect(code).toBe(3);
  });

  it('of another API version, or with a name that is taken, are refused naming the owners', () => {
    const raw = createRegistry().formats.at(-1)!;
    expect(() =>
      createRegistry([{ owner: 'twin', contribution: { apiVersion: 1, formats: [raw] } }]),
    ).toThrow(/twin.*imgopt|imgopt.*twin/);
    expect(() => createRegistry([{ owner: 'old', contribution: { apiVersion: 0 as never } }])).toThrow(/old/);
  });
});
