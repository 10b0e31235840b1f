/**
 * What goes into a template so that a build calls imgopt: the manifest says which files the build made, shell-local
 * runs imgopt on them, artifice makes the small file what Packer hands on. Several post-processors in one sequence
 * work on each other's artifact; written as separate ones they would each get the builder's.
 *
 * `artifice` without `keep_input_artifact` keeps what the builder made. Never set it to false here: a builder's
 * artifact is its whole output folder, and the small image lies in it.
 */
import { NAME, USUAL_FOLDER } from './folder-name.ts';
import type { TemplateKind } from './template-kind.ts';

const COMMAND = 'imgopt packer post-process';
/** Results lie beside the image. */
const RESULTS = '*.optimized.*';

const SNIPPETS: Record<TemplateKind, (folder: string) => string> = {
  hcl2: (folder) => `post-processors {
  post-processor "manifest" {}
  post-processor "shell-local" { inline = ["${COMMAND}"] }
  post-processor "artifice" { files = [${JSON.stringify(`${named(folder, '${source.name}')}/${RESULTS}`)}] }
}
`,
  'hcl2-json': (folder) =>
    json({
      'post-processors': [
        {
          'post-processor': [
            { manifest: {} },
            { 'shell-local': { inline: [COMMAND] } },
            { artifice: { files: [`${named(folder, '${source.name}')}/${RESULTS}`] } },
          ],
        },
      ],
    }),
  json: (folder) =>
    json({
      'post-processors': [
        [
          { type: 'manifest' },
          { type: 'shell-local', inline: [COMMAND] },
          { type: 'artifice', files: [`${named(folder, '{{build_name}}')}/${RESULTS}`] },
        ],
      ],
    }),
};

const PLACES: Record<TemplateKind, string> = {
  hcl2: 'inside of the build block, behind the provisioners',
  'hcl2-json': 'inside of the build object, behind the provisioners',
  json: 'beside builders and provisioners',
};

/**
 * The block or property, ready to be pasted.
 * @param folder where the sources write, as `outputFolder` has it
 */
export function snippetFor(kind: TemplateKind, folder: string = USUAL_FOLDER): string {
  return SNIPPETS[kind](folder);
}

function named(folder: string, name: string): string {
  return folder.replaceAll(NAME, name);
}

/** Where it belongs. */
export function placeFor(kind: TemplateKind): string {
  return PLACES[kind];
}

/** A property of an object rather than a document: without the braces around it. */
function json(value: object): string {
  return `${JSON.stringify(value, null, 2)
    .split('\n')
    .slice(1, -1)
    .map((line) => line.slice(2))
    .join('\n')}\n`;
}

/** An imgopt.yml to begin with: what happens without it, spelled out. */
export const STARTING_CONFIG = `# Settings of imgopt for this project. Every key: docs/configuration.md of imgopt.
packer:
  # What imgopt packer post-process does with each image, in this order: analyze explains it, check holds it against
  # budgets, optimize drops unused blocks and compresses inside of the format, compress makes a .zst or .gz of it.
  # Without this line check runs as soon as there are budgets.
  steps: [analyze, optimize]
  # true: the small image lies beside the one that Packer made (NAME.optimized.qcow2). false: it takes its place.
  keep_input: true
  # NAME.imgopt.json and RESULT.sha256 beside it.
  report: true
  checksum: true
  # optimize:
  #   format: qcow2      # default: the image's own
  #   compression: zstd  # qcow2: zlib is read by every qemu, zstd by 5.1 and later; it is smaller and faster

# What imgopt check, and the step check, hold images against.
# budgets:
#   limits:
#     - measure: file-size
#       max: 2GiB
`;
