import { Args, Flags } from '@oclif/core';
import { BaseCommand, type GlobalFlags } from '../../cli/base-command.ts';
import { CONFIG_FLAG, configOf } from '../../cli/config.ts';
import { buildOfEnvironment } from '../../cli/packer-environment.ts';
import type { PostProcessResult } from '../../cli/packer-run.ts';
import { EXIT, usage } from '../../core/errors.ts';
import { escapeName } from '../../core/text.ts';
import { isInOrder, PACKER_DEFAULTS, STEPS, type Step } from '../../packer/options.ts';

export default class PackerPostProcess extends BaseCommand {
  static override summary = 'Explain, check and shrink what a Packer build made.';
  static override description =
    'For the shell-local post-processor, behind the manifest one: finds the images of this build in the manifest ' +
    '(PACKER_RUN_UUID, PACKER_BUILD_NAME and PACKER_BUILDER_TYPE say which), runs the steps over each, and writes ' +
    'into the manifest what its files are called and how large they are now. Section packer of imgopt.yml settles ' +
    'the steps and how results are stored.\n\n' +
    'Exit code 1: a budget does not hold (the other steps are done all the same; valid_exit_codes may allow it). ' +
    '3: an image is damaged, or there is none of this build.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --steps analyze,check --config ci/imgopt.yml',
    '<%= config.bin %> <%= command.id %> output-debian/packer-debian --no-keep-input',
  ];
  static override strict = false;
  static override args = {
    artifact: Args.string({ description: 'Images, in place of those of a manifest.' }),
  };
  static override flags = {
    manifest: Flags.string({
      summary: 'What the manifest post-processor wrote.',
      helpValue: 'FILE',
      default: 'packer-manifest.json',
    }),
    'artifact-dir': Flags.string({
      summary: 'Where the files of the manifest are, if not where it says.',
      helpValue: 'DIR',
    }),
    steps: Flags.string({
      summary: `What to do, in this order: ${STEPS.join(', ')}.`,
      helpValue: 'LIST',
    }),
    'keep-input': Flags.boolean({
      summary: 'Put the small image beside the one that Packer made (default); --no-keep-input replaces it.',
      allowNo: true,
    }),
    config: CONFIG_FLAG,
  };

  async run(): Promise<PostProcessResult> {
    const { argv, flags, metadata } = await this.parse(PackerPostProcess);
    const paths = argv as string[];
    const isGiven = (name: 'manifest' | 'artifact-dir'): boolean =>
      flags[name] !== undefined && metadata.flags[name]?.setFromDefault !== true;
    if (paths.length > 0 && (isGiven('manifest') || isGiven('artifact-dir'))) {
      throw usage('MANIFEST_AND_PATHS', 'images and a manifest', { advice: 'name one or the other' });
    }
    const config = await configOf(flags);
    const section = config.config.packer ?? PACKER_DEFAULTS;
    const options = {
      ...section,
      ...(flags.steps === undefined ? {} : { steps: parseSteps(flags.steps) }),
      ...(flags['keep-input'] === undefined ? {} : { keepInput: flags['keep-input'] }),
    };
    const [{ postProcess }, { BUILT_IN_WRITERS }] = await Promise.all([
      import('../../cli/packer-run.ts'),
      import('../../writers.ts'),
    ]);
    const result = await postProcess({
      paths,
      manifest: flags.manifest,
      artifactFolder: flags['artifact-dir'],
      build: buildOfEnvironment(process.env),
      options,
      config,
      version: this.config.version,
      registry: () => this.drivers(BUILT_IN_WRITERS),
      context: () => this.createContext({ ...flags, 'no-progress': true }),
      say: (line) => this.say(line, flags),
      signal: this.signal,
    });
    if (result.images.some((one) => one.passed === false)) process.exitCode = EXIT.failedCheck;
    return result;
  }

  /** Packer shows each line of ours as one of its own: no colour, nothing that moves the cursor. */
  private say(line: string, flags: GlobalFlags): void {
    if (!this.jsonEnabled() && !flags.quiet) process.stdout.write(`${escapeName(line)}\n`);
  }
}

function parseSteps(text: string): readonly Step[] {
  const steps = text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  for (const [index, step] of steps.entries()) {
    if (!(STEPS as readonly string[]).includes(step)) {
      throw usage('UNKNOWN_STEP', `there is no step '${step}'`, { advice: `choose of ${STEPS.join(', ')}` });
    }
    if (steps.indexOf(step) !== index) throw usage('STEP_TWICE', `the step ${step} is given twice`);
  }
  if (steps.length === 0)
    throw usage('NO_STEPS', '--steps names none', { advice: `choose of ${STEPS.join(', ')}` });
  if (!isInOrder(steps as Step[])) throw usage('STEP_ORDER', 'optimize comes before compress');
  return steps as Step[];
}
