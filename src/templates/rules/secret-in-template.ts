import type { Block } from '../model.ts';
import { commandPlace } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Place } from '../text.ts';
import { staticText, type Value } from '../value.ts';

/** Names of settings and variables that hold secrets. */
const SECRET_NAME =
  /(?:^|[_-])(?:secret|token|passphrase|credentials?|api_?key|access_?key|secret_?key|private_?key|auth_?key|client_secret)$/i;
const NOT_SECRET = /(?:_file|_path|_name|_id|_url|_ttl|_type|_arn|_version)$/i;
/** What secrets look like by themselves: keys of AWS, GitHub, GitLab, Slack, Google, and PEM. */
const SECRET_TEXT =
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}|\bglpat-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}\b|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

export const secretInTemplate: LintRule = {
  id: 'secret-in-template',
  title: 'A secret stands in the template',
  severity: 'error',
  why: 'Whoever reads the repository, a log of the build or the history of either has it.',
  fix: 'Take it from a variable without a default, marked sensitive, that the environment fills (PKR_VAR_name), or from a secret store.',
  example: {
    language: 'hcl',
    bad: 'variable "api_token" {\n  type    = string\n  default = "3f786850e387550fdab836ed7e6dc881de23001b"\n}\n',
    good: 'variable "api_token" {\n  type      = string\n  sensitive = true\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const template of project.templates) {
      for (const variable of template.variables) {
        if (looksSecret(variable.name, variable.value)) {
          yield {
            place: variable.place,
            message: `the variable ${variable.name} has a secret as its default`,
          };
        }
      }
      for (const { block } of template.sources) yield* inBlock(block);
      for (const build of template.builds) {
        for (const { block } of build.provisioners) yield* inBlock(block);
        for (const block of build.postProcessors.flat()) yield* inBlock(block);
      }
    }
    for (const file of project.files) {
      const match = SECRET_TEXT.exec(file.text);
      if (match !== null) {
        yield {
          place: file.place(match.index, match.index + match[0].length),
          message: 'is a secret by its form',
        };
      }
    }
    for (const unit of project.scripts) {
      for (const one of unit.script.invocations) {
        for (const { name, values } of one.command.assignments) {
          const [word] = values;
          const text =
            word?.parts.length === 1 && word.parts[0]?.kind === 'text' ? word.parts[0].text : undefined;
          const place = commandPlace(one);
          if (text !== undefined && place !== undefined && isSecretName(name) && isRandom(text)) {
            yield { place, message: `sets ${name} to a secret` };
          }
        }
      }
    }
  },
};

function* inBlock(block: Block): Iterable<Found> {
  for (const { name, place, value } of block.settings) {
    if (looksSecret(name, value) && isLiteral(place)) yield { place, message: `${name} holds a secret` };
  }
  for (const inner of block.blocks) yield* inBlock(inner);
}

/** A variable that holds a secret is told of where it is set. */
function isLiteral({ file, start, end }: Place): boolean {
  return !/\b(?:var|local)\.|\{\{/.test(file.text.slice(start, end));
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NOT_SECRET.test(name);
}

function looksSecret(name: string, value: Value | undefined): boolean {
  const text = staticText(value);
  return text !== undefined && isSecretName(name) && isRandom(text);
}

/** Long, of one word, with letters and digits: no path, address, placeholder or reference. */
function isRandom(text: string): boolean {
  return (
    text.length >= 12 &&
    /^[\w+/=.~!@#%^&*-]+$/.test(text) &&
    /[0-9]/.test(text) &&
    /[a-zA-Z]/.test(text) &&
    !/^(?:\/|~|\.|[a-z]+:\/\/|arn:|projects\/)/.test(text) &&
    !/(?:example|change|placeholder|dummy|xxxx|your[_-])/i.test(text)
  );
}
