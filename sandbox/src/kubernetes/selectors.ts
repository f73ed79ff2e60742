import type { Resource } from './kinds.ts';
import { badRequest } from './status.ts';
import type { StoredObject } from './storage.ts';
import { labelValueProblems, qualifiedNameProblems } from './validation.ts';

/** Whether an object is chosen. */
export type Selector = (object: StoredObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent';
  readonly values: ReadonlySet<string>;
}

/**
 * Reads a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas.
 * @throws ApiError 400.
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
export function labelSelector(text: string): Selector {
  const requirements = splitOutsideParentheses(text).map(readRequirement);
  return ({ metadata }) => requirements.every((requirement) => meets(requirement, metadata.labels ?? {}));
}

function meets({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (operator === 'exists') return value !== undefined;
  if (operator === 'absent') return value === undefined;
  const among = value !== undefined && values.has(value);
  return operator === 'in' ? among : !among;
}

function splitOutsideParentheses(text: string): string[] {
  return text.trim() === '' ? [] : text.split(/,(?![^(]*\))/).map((part) => part.trim());
}

function readRequirement(text: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  const equality = /^([^\s!=]+)\s*(==|=|!=)\s*([^\s!=]*)$/.exec(text);
  const existence = /^(!?)\s*([^\s!=(),]+)$/.exec(text);
  const found: Requirement | undefined = set
    ? {
        key: set[1]!,
        operator: set[2] as 'in' | 'notin',
        values: new Set(set[3]!.split(',').map((value) => value.trim())),
      }
    : equality
      ? { key: equality[1]!, operator: equality[2] === '!=' ? 'notin' : 'in', values: new Set([equality[3]!]) }
      : existence
        ? { key: existence[2]!, operator: existence[1] === '!' ? 'absent' : 'exists', values: new Set() }
        : undefined;
  const problems = found
    ? [...qualifiedNameProblems(found.key), ...[...found.values].flatMap(labelValueProblems)]
    : [`found '${text}', expected an identifier and an operator`];
  if (found === undefined || problems.length > 0) throw badRequest(`unable to parse requirement: ${problems[0]}`);
  return found;
}

/**
 * Reads a field selector: `field=value` and `field!=value`, joined by commas, of the fields the resource knows.
 * @throws ApiError 400.
 */
export function fieldSelector(resource: Resource, text: string): Selector {
  const known = new Set(['metadata.name', 'metadata.namespace', ...(resource.selectable ?? [])]);
  const terms = text.split(',').filter((term) => term.trim() !== '');
  const tests = terms.map((term): Selector => {
    const match = /^([^!=]+)(==|=|!=)(.*)$/.exec(term.trim());
    if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = '', operator, value = ''] = match;
    if (!known.has(field)) throw badRequest(`field label not supported: ${field}`);
    return (object) => (fieldOf(object, field) === value) === (operator !== '!=');
  });
  return (object) => tests.every((test) => test(object));
}

function fieldOf(object: StoredObject, field: string): string {
  let value: unknown = object;
  for (const part of field.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value === undefined || value === null ? '' : String(value);
}
