/** HCL's binary operators over values of which not all are known. */
import type { Place } from './text.ts';
import { dynamic, staticText, truth, type Value } from './value.ts';

/** The result of `left operator right`; dynamic where it hangs on something that is. */
export function calculate(operator: string, left: Value, right: Value, place: Place): Value {
  const bool = (holds: boolean): Value => ({ kind: 'bool', place, bool: holds });
  if (operator === '&&' || operator === '||') {
    const a = truth(left);
    const b = truth(right);
    const decides = operator === '||';
    if (a === decides || b === decides) return bool(decides);
    return a === undefined || b === undefined ? dynamic(place) : bool(!decides);
  }
  if (operator === '==' || operator === '!=') {
    const same = equal(left, right);
    return same === undefined ? dynamic(place) : bool(same === (operator === '=='));
  }
  if (left.kind !== 'number' || right.kind !== 'number') return dynamic(place);
  const [a, b] = [left.number, right.number];
  const number = (result: number): Value => ({ kind: 'number', place, number: result });
  switch (operator) {
    case '+':
      return number(a + b);
    case '-':
      return number(a - b);
    case '*':
      return number(a * b);
    case '/':
      return number(a / b);
    case '%':
      return number(a % b);
    case '<':
      return bool(a < b);
    case '>':
      return bool(a > b);
    case '<=':
      return bool(a <= b);
    default:
      return bool(a >= b);
  }
}

function equal(left: Value, right: Value): boolean | undefined {
  if (left.kind === 'null' || right.kind === 'null') {
    if (left.kind === right.kind) return true;
    return left.kind === 'dynamic' ||
      right.kind === 'dynamic' ||
      left.kind === 'choice' ||
      right.kind === 'choice'
      ? undefined
      : false;
  }
  const a = staticText(left);
  const b = staticText(right);
  return a === undefined || b === undefined ? undefined : a === b;
}
