import type { NameRule } from './kinds.ts';

/** What is wrong with names of all kinds, in the words of `apimachinery/pkg/util/validation`; nothing where nothing is. */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const LABEL_HINT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_HINT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART_HINT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_HINT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** What makes `text` no DNS subdomain. */
export const subdomainProblems = (text: string): string[] => [
  ...(text.length > 253 ? ['must be no more than 253 characters'] : []),
  ...(SUBDOMAIN.test(text) ? [] : [SUBDOMAIN_HINT]),
];
const labelProblems = (text: string): string[] => [
  ...(text.length > 63 ? ['must be no more than 63 characters'] : []),
  ...(LABEL.test(text) ? [] : [SUBDOMAIN.test(text) ? 'must not contain dots' : LABEL_HINT]),
];

/** What makes `name` no single segment of a path. */
export function pathSegmentProblems(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%']
    .filter((character) => name.includes(character))
    .map((character) => `may not contain '${character}'`);
}

const PROBLEMS: Readonly<Record<NameRule, (name: string) => string[]>> = {
  subdomain: subdomainProblems,
  label: labelProblems,
  'path-segment': pathSegmentProblems,
};

/** What is wrong with a label key, an annotation key or a finalizer: `name` or `dns.prefix/name`. */
export function qualifiedNameProblems(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2)
    return [
      `a qualified name ${NAME_PART_HINT.slice('name part '.length)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const name = parts.at(-1)!;
  const prefix = parts.length === 2 ? parts[0]! : undefined;
  return [
    ...(prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : subdomainProblems(prefix).map((problem) => `prefix part ${problem}`)),
    ...(name === ''
      ? ['name part must be non-empty']
      : name.length > 63
        ? ['name part must be no more than 63 characters']
        : []),
    ...(QUALIFIED_PART.test(name) ? [] : [NAME_PART_HINT]),
  ];
}

/** What is wrong with the value of a label. */
export function labelValueProblems(text: string): string[] {
  return [
    ...(text.length > 63 ? ['must be no more than 63 characters'] : []),
    ...(text === '' || QUALIFIED_PART.test(text) ? [] : [LABEL_VALUE_HINT]),
  ];
}

/**
 * What is wrong with the name of an object, or with the prefix from which one is made: the last dash of a prefix is no fault,
 * where names follow DNS.
 */
export function nameProblems(rule: NameRule, name: string, isPrefix = false): string[] {
  const masked = isPrefix && rule !== 'path-segment' && name.length > 1 && name.endsWith('-');
  return PROBLEMS[rule](masked ? `${name.slice(0, -2)}a` : name);
}

/** What is wrong with a key of a ConfigMap or Secret. */
export function dataKeyProblems(key: string): string[] {
  const hint =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  return [
    ...(key.length > 253 ? ['must be no more than 253 characters'] : []),
    ...(/^[-._a-zA-Z0-9]+$/.test(key) ? [] : [hint]),
    ...(key === '.'
      ? ["must not be '.'"]
      : key === '..'
        ? ["must not be '..'"]
        : key.startsWith('..')
          ? ["must not start with '..'"]
          : []),
  ];
}
