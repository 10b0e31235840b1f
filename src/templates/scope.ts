/** Where an expression of a template stands: what names mean there, which files it may read, how much it may make. */
import { ImgoptError } from '../core/errors.ts';
import { MAX_EVALUATED_ITEMS, MAX_EVALUATED_TEXT, MAX_REFERENCE_DEPTH } from '../core/limits.ts';
import type { Expression } from './syntax/hcl.ts';
import type { Place, SourceFile } from './text.ts';
import { dynamic, type Value } from './value.ts';

/** What names mean where an expression stands. */
export interface Scope {
  /** The value of a root name (`var`, `local`, `path`, an iterator), or undefined: dynamic. */
  lookup(root: string, name: string | undefined): Value | undefined;
  /** `templatefile` and `file`. */
  readonly host: TemplateHost;
  readonly budget: Budget;
}

export interface TemplateHost {
  /** Text of a file that an expression names; undefined where it cannot be read. */
  readFile(path: string): SourceFile | undefined;
  /** The file's text as a template. */
  template(file: SourceFile): Expression | undefined;
}

/** What evaluating one template may make. */
export class Budget {
  private items = MAX_EVALUATED_ITEMS;
  private text = MAX_EVALUATED_TEXT;
  private depth = 0;

  spend(items: number, text = 0): void {
    this.items -= items;
    this.text -= text;
    if (this.items < 0 || this.text < 0) {
      throw new ImgoptError('unsupported', 'TEMPLATE_SIZE', 'its expressions make more than lint holds', {
        advice: 'shorten its loops',
      });
    }
  }

  /** Runs `work` one reference deeper; dynamic beyond the bound, which only a cycle reaches. */
  nested(place: Place, work: () => Value): Value {
    if (this.depth >= MAX_REFERENCE_DEPTH) return dynamic(place);
    this.depth++;
    try {
      return work();
    } finally {
      this.depth--;
    }
  }
}

/** A scope with further names in front: iterators of `for`, variables of `templatefile`. */
export function extended(scope: Scope, names: ReadonlyMap<string, Value>, closed = false): Scope {
  return {
    host: scope.host,
    budget: scope.budget,
    lookup: (root, name) => names.get(root) ?? (closed ? undefined : scope.lookup(root, name)),
  };
}
