/**
 * SARIF 2.1.0 (OASIS standard, errata 01): what GitHub code scanning and other viewers take. Section numbers are the
 * standard's.
 */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { escapeName } from '../../core/text.ts';
import type { Finding } from './finding.ts';

export interface SarifOptions {
  /** Of imgopt. */
  readonly version: string;
  /** All of the artifact could be read. */
  readonly isComplete: boolean;
  /** What hindered the run. */
  readonly notifications: readonly { readonly code: string; readonly message: string }[];
}

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const HOME = 'https://github.com/imgopt/imgopt';

export function* renderSarif(findings: readonly Finding[], options: SarifOptions): Generator<string> {
  const rules = [...new Map(findings.map((one) => [one.rule, one])).values()];
  const indexOf = new Map(rules.map((one, index) => [one.rule, index]));
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'imgopt',
            version: options.version,
            semanticVersion: options.version,
            informationUri: HOME,
            rules: rules.map((one) => ({
              id: one.rule,
              shortDescription: { text: messageText(one.description) },
              defaultConfiguration: { level: one.level },
            })),
          },
        },
        invocations: [
          {
            executionSuccessful: options.isComplete,
            toolExecutionNotifications: options.notifications.map(({ code, message }) => ({
              descriptor: { id: code },
              level: 'error',
              message: { text: messageText(message) },
            })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: findings.map((one) => ({
          ruleId: one.rule,
          ruleIndex: indexOf.get(one.rule)!,
          level: one.level,
          message: { text: messageText(`${one.title}\n${one.message}`.trimEnd()) },
          locations: [{ physicalLocation: physicalLocation(one) }],
          partialFingerprints: { 'imgopt/v1': one.identity },
        })),
      },
    ],
  };
  yield `${JSON.stringify(log, null, 2)}\n`;
}

/** 3.11.5 and 3.11.6: braces begin placeholders and are doubled, brackets begin links and take a backslash. */
function messageText(text: string): string {
  return text
    .split('\n')
    .map((line) => escapeName(line.toWellFormed()))
    .join('\n')
    .replace(/[\\[\]]/g, '\\$&')
    .replace(/[{}]/g, '$&$&');
}

function physicalLocation({ file, line, column }: Finding): Record<string, unknown> {
  return {
    artifactLocation: { uri: uriOf(file) },
    ...(line === null
      ? {}
      : { region: { startLine: line, ...(column === null ? {} : { startColumn: column }) } }),
  };
}

/** 3.4.3: relative references are taken relative to the checkout. */
function uriOf(file: string): string {
  const name = file.toWellFormed();
  if (isAbsolute(name)) return pathToFileURL(name).href;
  const parts = name.replaceAll('\\', '/').split('/');
  return parts.map(encodeURIComponent).join('/');
}
