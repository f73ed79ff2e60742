import type { Resource } from './kinds.ts';
import { badRequest } from './status.ts';
import type { StoredObject } from './storage.ts';

/** Whether an object is chosen. */
export type FieldTest = (object: StoredObject) => boolean;

interface Term {
  readonly field: string;
  readonly operator: string;
  readonly value: string;
}

/**
 * Reads a field selector: `field=value`, `field==value` and `field!=value`, joined by commas, of the fields the resource knows; a
 * backslash escapes. Follows `apimachinery/pkg/fields/selector.go`.
 * @throws ApiError 400.
 */
export function parseFieldTest(resource: Resource, text: string): FieldTest {
  const terms = readTerms(text);
  for (const { field } of terms) mustKnow(resource, field);
  return (object) =>
    terms.every(({ field, operator, value }) => (fieldOf(object, field) === value) === (operator !== '!='));
}

/** The one name that a selector asks for; undefined where it asks for none, or cannot be read. */
export function selectedName(text: string): string | undefined {
  try {
    return readTerms(text).find(({ field, operator }) => field === 'metadata.name' && operator !== '!=')?.value;
  } catch {
    return undefined;
  }
}

function readTerms(text: string): Term[] {
  const terms = [...text.matchAll(/(?:\\.|[^,])+/gs)].map(([term]) => term);
  return terms.map((term) => {
    const [, field = '', operator = '', value = ''] = /^(.*?)(!=|==|=)(.*)$/s.exec(term) ?? [];
    if (operator === '') throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    return { field, operator, value: unescaped(value) };
  });
}

function unescaped(value: string): string {
  return value.replace(/\\(.?)|[,=]/gs, (whole, escaped: string | undefined) => {
    if (escaped !== undefined && /^[\\,=]$/.test(escaped)) return escaped;
    const why =
      escaped === undefined
        ? `unescaped character in value: ${whole.charCodeAt(0)}`
        : `invalid escape sequence: ${whole}`;
    throw badRequest(`invalid field selector: ${why}`);
  });
}

function mustKnow({ kind, selectable }: Resource, field: string): void {
  if (field === 'metadata.name' || selectable?.includes(field)) return;
  if (field === 'metadata.namespace' && kind !== 'Namespace') return;
  // A kind with fields of its own names the one it does not know; the others name all they know.
  if (selectable) throw badRequest(`field label not supported: ${field}`);
  throw badRequest(
    `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function fieldOf(object: StoredObject, field: string): string {
  let value: unknown = object;
  for (const part of field.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value === undefined || value === null ? '' : String(value);
}
