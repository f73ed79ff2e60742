import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { badRequest } from './status.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether labels are chosen. */
export type LabelTest = (labels: Labels) => boolean;

/** A selector as an object holds it. All of it must be met. */
export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key?: string;
    readonly operator?: string;
    readonly values?: readonly string[];
  }[];
}

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | '>' | '<';
  readonly values: readonly string[];
}

const OPERATORS: Readonly<Record<string, Requirement['operator']>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: 'absent',
};

/** A selector of an object that {@link validateSelector} found nothing wrong with. */
export function labelTest({ matchLabels = {}, matchExpressions = [] }: LabelSelector): LabelTest {
  const equal = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: 'in', values: [value] }) as const);
  const others = matchExpressions.map(({ key = '', operator = '', values = [] }) => {
    return { key, operator: OPERATORS[operator] ?? 'in', values };
  });
  return (labels) => [...equal, ...others].every((requirement) => meets(requirement, labels));
}

/**
 * Reads a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`, joined by commas. Follows
 * `apimachinery/pkg/labels/selector.go`, also in its words.
 * @throws ApiError 400.
 */
export function parseLabelTest(text: string): LabelTest {
  const requirements = new Parser(text).requirements();
  return (labels) => requirements.every((requirement) => meets(requirement, labels));
}

function meets({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case '>':
    case '<':
      if (value === undefined || !INTEGER.test(value)) return false;
      return operator === '>' ? BigInt(value) > BigInt(values[0]!) : BigInt(value) < BigInt(values[0]!);
    default:
      return (value !== undefined && values.includes(value)) === (operator === 'in');
  }
}

const INTEGER = /^[+-]?\d+$/;
const SYMBOL = /^[=!(),<>]/;
const BINARY = 'in, notin, =, ==, !=, gt, lt';

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = [...text.matchAll(/==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+/g)].map(([token]) => token);
  }

  requirements(): Requirement[] {
    const all: Requirement[] = [];
    while (this.#next !== '') {
      if (SYMBOL.test(this.#next) && this.#next !== '!') {
        throw badRequest(`found '${this.#next}', expected: !, identifier, or 'end of string'`);
      }
      all.push(this.#requirement());
      const end = this.#take();
      if (end === '') return all;
      if (end !== ',') throw badRequest(`found '${end}', expected: ',' or 'end of string'`);
      if (this.#next === '' || (SYMBOL.test(this.#next) && this.#next !== '!')) {
        throw badRequest(`found '${this.#next}', expected: identifier after ','`);
      }
    }
    return all;
  }

  get #next(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  #identifier(): string {
    const token = this.#take();
    if (token === '' || SYMBOL.test(token)) throw unreadable(`found '${token}', expected: identifier`);
    return token;
  }

  #requirement(): Requirement {
    const negated = this.#next === '!' && this.#take() === '!';
    const key = this.#identifier();
    const problems = qualifiedNameProblems(key);
    if (problems.length > 0) throw unreadable(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
    if (negated || this.#next === '' || this.#next === ',') {
      return { key, operator: negated ? 'absent' : 'exists', values: [] };
    }
    const operator = this.#take();
    switch (operator) {
      case 'in':
      case 'notin':
        return checked({ key, operator, values: this.#values() });
      case '=':
      case '==':
        return checked({ key, operator: 'in', values: [this.#value()] });
      case '!=':
        return checked({ key, operator: 'notin', values: [this.#value()] });
      case '>':
      case '<':
        return checked({ key, operator, values: [this.#value()] });
      default:
        throw unreadable(`found '${operator}', expected: ${BINARY}`);
    }
  }

  #value(): string {
    return this.#next === '' || this.#next === ',' ? '' : this.#identifier();
  }

  #values(): string[] {
    const open = this.#take();
    if (open !== '(') throw unreadable(`found '${open}' expected: '('`);
    const values: string[] = [];
    for (let value = ''; ; ) {
      const token = this.#take();
      if (token === ',' || token === ')') {
        values.push(value);
        value = '';
        if (token === ')') return [...new Set(values)].sort();
      } else if (token === '' || SYMBOL.test(token)) {
        throw unreadable(`found '${token}', expected: ${value === '' ? "',', ')' or identifier" : "',' or ')'"}`);
      } else if (value === '') value = token;
      else throw unreadable(`found '${token}', expected: ',' or ')'`);
    }
  }
}

const unreadable = (why: string) => badRequest(`unable to parse requirement: ${why}`);

function checked(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement;
  const compared = operator === '>' || operator === '<';
  const errors = [
    ...values.flatMap((value, index) =>
      compared && !INTEGER.test(value)
        ? [
            `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
          ]
        : [],
    ),
    ...values.flatMap((value, index) => {
      const problems = labelValueProblems(value).join('; ');
      return problems === '' ? [] : [`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${problems}`];
    }),
  ];
  if (errors.length > 0) throw unreadable(errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`);
  return requirement;
}
