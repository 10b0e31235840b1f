/** Which format goes where: the n-th `--format` to the n-th `--output`, what remains to standard output. */
import { extname } from 'node:path';
import { usage } from '../core/errors.ts';

export interface OutputPlan {
  readonly format: string;
  /** Null is standard output. */
  readonly path: string | null;
}

const FORMAT_OF_EXTENSION: Record<string, string> = {
  '.json': 'json',
  '.csv': 'csv',
  '.html': 'html',
  '.md': 'markdown',
};

export interface OutputWords {
  /** What a file is when only its name says so. */
  readonly extensions: Readonly<Record<string, string>>;
  /** Formats that go to standard error without --output, beside whatever is on standard output. */
  readonly aside: readonly string[];
}

/**
 * @param json standard output already carries the one document of `--json`
 * @throws ImgoptError (usage) when the pairs do not come out
 */
export function planOutputs(
  formats: readonly string[],
  files: readonly string[],
  json: boolean,
  { extensions, aside }: OutputWords = { extensions: FORMAT_OF_EXTENSION, aside: [] },
): OutputPlan[] {
  const outputs = files.map((file) => (file === '-' ? null : file));
  if (formats.length === 0) {
    if (outputs.length > 1) {
      throw usage('OUTPUT_WITHOUT_FORMAT', `${outputs.length} outputs and no --format`, {
        advice: 'give one --format for each --output',
      });
    }
    const [path] = outputs;
    if (path === undefined || path === null) return json ? [] : [{ format: 'table', path: null }];
    return [{ format: extensions[extname(path).toLowerCase()] ?? 'table', path }];
  }
  if (outputs.length > formats.length) {
    throw usage('OUTPUT_WITHOUT_FORMAT', `${outputs.length} outputs for ${formats.length} formats`, {
      advice: 'give one --format for each --output',
    });
  }
  const plans = formats.map((format, index) => ({ format, path: outputs[index] ?? null }));
  const toStandardOutput = plans.filter(({ path, format }) => path === null && !aside.includes(format));
  if (toStandardOutput.length > (json ? 0 : 1)) {
    const names = toStandardOutput.map((plan) => plan.format).join(', ');
    throw usage(
      'TWO_RESULTS_ON_STDOUT',
      json ? `--json and ${names} on standard output` : `${names} together on standard output`,
      { advice: 'give --output for each but one' },
    );
  }
  const seen = new Set<string>();
  for (const { path } of plans) {
    if (path === null) continue;
    if (seen.has(path)) throw usage('OUTPUT_TWICE', `--output ${path} is given twice`);
    seen.add(path);
  }
  return plans;
}
