/**
 * Copies the grammars that lint parses with into dist/grammars, so that the published package carries them. As
 * dependencies their packages would bring native builds of the same grammars, of twenty times the size, with install
 * scripts. Run by `npm run build`.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const GRAMMARS = {
  bash: ['tree-sitter-bash', 'tree-sitter-bash.wasm'],
  hcl: ['@tree-sitter-grammars/tree-sitter-hcl', 'tree-sitter-hcl.wasm'],
} as const;

const { resolve } = createRequire(import.meta.url);
const target = join(import.meta.dirname, '..', 'dist', 'grammars');
mkdirSync(target, { recursive: true });
const licenses: string[] = [];
for (const [name, [packageName, file]] of Object.entries(GRAMMARS)) {
  const path = resolve(`${packageName}/${file}`);
  copyFileSync(path, join(target, `${name}.wasm`));
  licenses.push(
    `${name}.wasm is of ${packageName}:\n\n${readFileSync(join(dirname(path), 'LICENSE'), 'utf8')}`,
  );
}
writeFileSync(join(target, 'LICENSES'), licenses.join('\n\n'));
