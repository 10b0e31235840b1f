/**
 * JUnit's XML, as Jenkins, GitLab, Azure and the others read it: test suites of test cases, each with a failure when
 * it failed. There is no specification; the elements here are those that all of them know.
 */
import { escapeName } from '../../core/text.ts';
import type { TestCase } from './finding.ts';

/** XML 1.0, section 2.2: no reference makes any other character legal. */
const NO_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(NO_XML, '\ufffd')
    .replace(/[&<>"']/g, (one) => ENTITIES[one]!);
}

/** Line breaks stay in text; in an attribute they would become blanks. */
const content = (text: string): string => escapeXml(text.split('\n').map(escapeName).join('\n'));
const attribute = (text: string): string => escapeXml(escapeName(text));

/** @param suite name of the suite: what was checked */
export function* renderJunit(suite: string, cases: readonly TestCase[]): Generator<string> {
  const count = (outcome: TestCase['outcome']): number =>
    cases.filter((one) => one.outcome === outcome).length;
  const counts = `tests="${cases.length}" failures="${count('failed')}" errors="${count('error')}"`;
  yield '<?xml version="1.0" encoding="UTF-8"?>\n';
  yield `<testsuites name="imgopt" ${counts}>\n`;
  yield `  <testsuite name="${attribute(suite)}" ${counts} skipped="${count('skipped')}">\n`;
  for (const one of cases) yield testCase(one);
  yield '  </testsuite>\n</testsuites>\n';
}

function testCase({ name, group, outcome, reason, text }: TestCase): string {
  const head = `    <testcase name="${attribute(name)}" classname="${attribute(group)}"`;
  const body = text === '' ? '' : content(text);
  switch (outcome) {
    case 'passed':
      if (body === '') return `${head}/>\n`;
      return `${head}>\n      <system-out>${body}</system-out>\n    </testcase>\n`;
    case 'skipped':
      return `${head}>\n      <skipped message="${attribute(reason)}"/>\n    </testcase>\n`;
    default: {
      const element = outcome === 'failed' ? 'failure' : 'error';
      return `${head}>\n      <${element} message="${attribute(reason)}" type="imgopt">${body}</${element}>\n    </testcase>\n`;
    }
  }
}
