/**
 * Joins what a command needs into a few files under dist/bundle/. imgopt's two hundred modules and oclif's hundred
 * cost a third of a second of CPU to find, read and link one by one, on every start; bundled, a fraction of that
 * (measured: `--version` 0.12 s → 0.07 s, analysis of a small image 0.38 s → 0.24 s of CPU). Worker threads and
 * importers of `imgopt/core/*` use the compiled modules in dist/ as they are.
 *
 * The program of the HTML report is another bundle, for browsers, with its style beside it: dist/assets/.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'rolldown';

const dist = join(import.meta.dirname, '..', 'dist');
const output = join(dist, 'bundle');
const commands = readdirSync(join(dist, 'commands'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.js'))
  .map((name) => `commands/${name.slice(0, -3).replaceAll('\\', '/')}`);

rmSync(output, { recursive: true, force: true });
await build({
  input: Object.fromEntries(['cli/main', ...commands].map((name) => [name, join(dist, `${name}.js`)])),
  platform: 'node',
  logLevel: 'warn',
  // Ink asks for the one where somebody debugs it, and not otherwise; lint loads the other from its own package,
  // which carries its WebAssembly.
  external: ['react-devtools-core', 'web-tree-sitter'],
  // React's own checks of its users are for development.
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  output: { dir: output, format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js' },
});

/** Of d3-hierarchy, the only work of others in it: its licence goes with it. */
const license = readFileSync(
  join(import.meta.dirname, '..', 'node_modules', 'd3-hierarchy', 'LICENSE'),
  'utf8',
);
const app = join(import.meta.dirname, '..', 'src', 'reporters', 'html', 'app');
const assets = join(dist, 'assets');
await build({
  input: join(app, 'main.ts'),
  platform: 'browser',
  logLevel: 'warn',
  output: {
    file: join(assets, 'report-page.js'),
    format: 'iife',
    minify: true,
    banner: `/* d3-hierarchy: ${license.trim()} */`,
  },
});
mkdirSync(assets, { recursive: true });
const style = readFileSync(join(app, 'page.css'), 'utf8');
writeFileSync(
  join(assets, 'report-page.css'),
  style
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s*\n\s*/g, '\n')
    .trim(),
);
