/**
 * Checks the one direction of docs/architecture.md: a folder of src/ imports only from folders above it in the
 * list below; drivers of one kind never import each other; the floor imports nothing but node:*.
 * Prints every breach as `file:line` and exits 1 when there is one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the floor up. `peers`: subfolders that must not know each other. `packages`: allowed npm packages. */
const LAYERS: readonly { path: string; peers?: true; packages: readonly string[] | 'any' }[] = [
  { path: 'core', packages: [] },
  { path: 'sources', packages: ['tar-stream'] },
  { path: 'compressors', packages: [] },
  { path: 'disk/containers', packages: ['sax'] },
  { path: 'disk/formats', peers: true, packages: [] },
  { path: 'disk/volumes', peers: true, packages: [] },
  { path: 'disk/filesystems', peers: true, packages: [] },
  { path: 'packages', peers: true, packages: [] },
  { path: 'manifests', packages: ['zod', 'yaml'] },
  { path: 'inspect', packages: [] },
  { path: 'analyzers', packages: [] },
  { path: 'templates', packages: ['yaml', 'web-tree-sitter', 'zod'] },
  { path: 'optimize', packages: ['tar-stream'] },
  { path: 'budgets', packages: ['zod'] },
  { path: 'packer', packages: [] },
  { path: 'config', packages: ['zod', 'yaml'] },
  { path: 'reporters/html/app', packages: ['d3-hierarchy'] },
  { path: 'reporters', packages: ['cli-table3', 'string-width'] },
  { path: 'explore', packages: ['ink', 'react'] },
  { path: 'registry.ts', packages: [] },
  { path: 'writers.ts', packages: [] },
  { path: 'cli', packages: ['@oclif/core'] },
  { path: 'commands', packages: 'any' },
];
/** Drivers of different kinds do not know each other either: the host brings them together. */
const STRANGERS = ['disk/containers', 'disk/formats', 'disk/volumes', 'disk/filesystems', 'packages'];
/** Inspection takes drivers as arguments, so it imports none. */
const NO_DRIVERS = [
  'inspect',
  'analyzers',
  'reporters/html/app',
  'reporters',
  'manifests',
  'budgets',
  'packer',
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^;'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|^import\s+'([^']+)'/gm;

function layerOf(path: string): number {
  return LAYERS.findIndex((layer) => path === layer.path || path.startsWith(`${layer.path}/`));
}

function peerOf(path: string, layer: string): string {
  return path.slice(layer.length + 1).split('/')[0]!;
}

const breaches: string[] = [];
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => name.split(sep).join('/'))
  .sort();

for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8');
  const from = layerOf(file);
  if (from < 0) {
    breaches.push(`src/${file}:1: its folder is not in the list of layers`);
    continue;
  }
  const layer = LAYERS[from]!;
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3]!;
    const line = text.slice(0, match.index).split('\n').length;
    const say = (why: string): void => void breaches.push(`src/${file}:${line}: '${specifier}': ${why}`);
    if (specifier.startsWith('node:')) continue;
    if (!specifier.startsWith('.')) {
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      if (layer.packages !== 'any' && !layer.packages.includes(name))
        say(`src/${layer.path} uses no package of that name`);
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(file), specifier));
    const to = layerOf(target);
    if (to < 0) {
      say('is outside the layers');
    } else if (to > from) {
      say(`src/${layer.path} must not import from src/${LAYERS[to]!.path}, which stands above it`);
    } else if (to === from) {
      // What lies beside the drivers' folders is for all of them.
      const peer = peerOf(target, layer.path);
      if (layer.peers && peer !== peerOf(file, layer.path) && !peer.endsWith('.ts')) {
        say('drivers of one kind do not import each other');
      }
    } else if (STRANGERS.includes(layer.path) && STRANGERS.includes(LAYERS[to]!.path)) {
      say('formats, volumes, filesystems and package databases do not import each other');
    } else if (NO_DRIVERS.includes(layer.path) && STRANGERS.includes(LAYERS[to]!.path)) {
      say('drivers are arguments here');
    }
  }
}

for (const breach of breaches) process.stdout.write(`${breach}\n`);
process.stdout.write(
  `${files.length} files in ${relative(process.cwd(), root) || '.'}, ${breaches.length} breaches of the import rules\n`,
);
process.exitCode = breaches.length > 0 ? 1 : 0;
