import * as z from 'zod';
import type { Path, PolicyError, PolicySource } from './document.ts';
import { nearestName } from './nearest.ts';
import { FORMS, type PolicyDocument, policyDocument } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** Checks the shape of a document and says in sentences what is wrong with it. */
export function checkShape(source: PolicySource): PolicyDocument | readonly PolicyError[] {
  const parsed = policyDocument.safeParse(source.value);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.flatMap((issue) => explain(source, issue, []));
}

function explain(source: PolicySource, issue: Issue, above: Path): PolicyError[] {
  const path: Path = [...above, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  const node = source.find(path);
  const here = (message: string, remedy: string) => [source.at(path, message, remedy)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(source, [...path, key]));
    case 'invalid_key':
      return [
        source.atKey(
          path,
          `the key ${quote(path.at(-1))} is not ${formOf(issue.issues[0]).is}`,
          likeForm(issue.issues[0]),
        ),
      ];
    case 'invalid_union':
      return (issue.errors[node?.kind === 'list' ? 1 : 0] ?? []).flatMap((inner) => explain(source, inner, path));
    case 'invalid_format':
      return here(`${textOf(source, path)} is not ${formOf(issue).is}`, likeForm(issue));
    case 'too_small':
      return here('this list is empty, which would not mean "nothing"', 'leave the field out, or name at least one');
    case 'too_big':
      return here(
        `this list has more than ${issue.maximum} entries`,
        'use a wildcard or a label selector, or split it',
      );
    case 'invalid_value':
      return [notOneOf(source, path, issue.values.map(String))];
    case 'invalid_type':
      return [wrongType(source, path, issue.expected)];
    default:
      return here(issue.message, 'see the guide to the access policy');
  }
}

function wrongType(source: PolicySource, path: Path, expected: string): PolicyError {
  const node = source.find(path);
  const name = quote(path.at(-1) ?? 'the document');
  if (!node) return source.at(path, `the field ${name} is missing`, `add ${path.at(-1)}: ...`);
  if (node.kind === 'notText' && node.type === 'null') {
    return source.at(path, `${name} has no value`, 'give it one, or remove the field');
  }
  if (node.kind === 'notText' && expected === 'string') {
    const message = `${node.text} is read as a ${node.type}, not as text (leading zeros would be lost)`;
    return source.at(path, message, `put it in quotes: "${node.text}"`);
  }
  const wanted = { string: 'a text', array: 'a list', object: 'a map', record: 'a map' }[expected] ?? expected;
  const found = { text: 'a text', notText: 'a single value', list: 'a list', map: 'a map' }[node.kind];
  return source.at(path, `${name} must be ${wanted} and is ${found}`, `write ${wanted} here`);
}

function notOneOf(source: PolicySource, path: Path, values: readonly string[]): PolicyError {
  const node = source.find(path);
  const field = String(path.at(-1));
  const list = values.join(', ');
  if (!node) return source.at(path, `the field "${field}" is missing`, `add ${field}: ${values[0]}`);
  const text = node.kind === 'text' ? node.text : undefined;
  const near = text === undefined ? undefined : nearestName(text, values);
  return source.at(
    path,
    `${textOf(source, path)} is not possible for ${field}`,
    near ? `did you mean ${near}? Possible: ${list}` : `use ${values.length > 1 ? 'one of ' : ''}${list}`,
  );
}

function unknownField(source: PolicySource, path: Path): PolicyError {
  const known = fieldsAt(path.slice(0, -1));
  const near = nearestName(String(path.at(-1)), known);
  return source.atKey(
    path,
    `there is no field ${quote(path.at(-1))} here`,
    near ? `did you mean ${near}?` : `remove it; the fields are ${known.join(', ')}`,
  );
}

/** The fields that a map at a path may have. */
function fieldsAt(path: Path): readonly string[] {
  let schema: unknown = policyDocument;
  for (const step of path) {
    while (schema instanceof z.ZodOptional) schema = schema.unwrap();
    // One or a list of them: the single one stands first.
    if (schema instanceof z.ZodUnion) schema = schema.options[typeof step === 'number' ? 1 : 0];
    if (schema instanceof z.ZodObject) schema = (schema.shape as Record<string, unknown>)[String(step)];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  while (schema instanceof z.ZodOptional) schema = schema.unwrap();
  if (schema instanceof z.ZodUnion) schema = schema.options[0];
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function formOf(issue: Issue | undefined): { is: string; example: string } {
  const name = issue?.message ?? '';
  return Object.hasOwn(FORMS, name) ? FORMS[name as keyof typeof FORMS] : { is: 'possible here', example: '' };
}

function likeForm(issue: Issue | undefined): string {
  return `write it like ${formOf(issue).example}`;
}

function textOf(source: PolicySource, path: Path): string {
  const node = source.find(path);
  return node?.kind === 'text' || node?.kind === 'notText' ? quote(node.text) : 'this value';
}

function quote(value: unknown): string {
  return JSON.stringify(String(value).slice(0, 80));
}
