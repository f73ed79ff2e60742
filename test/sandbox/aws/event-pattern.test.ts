import { describe, expect, it } from 'vitest';
import { matchesPattern, parseEventPattern } from '../../../sandbox/src/aws/event-pattern.ts';

const event = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: {
    bucket: { name: 'uploads' },
    object: { key: 'policies/a.yaml', size: 3 },
    tags: ['one', 'two'],
    none: null,
  },
};

describe('an event pattern', () => {
  it.each<[string, unknown, boolean]>([
    ['an exact value', { source: ['aws.s3'] }, true],
    ['one of several values', { source: ['aws.iam', 'aws.s3'] }, true],
    ['another value', { source: ['aws.iam'] }, false],
    ['values of another type', { detail: { object: { size: ['3'] } } }, false],
    ['a number', { detail: { object: { size: [3] } } }, true],
    ['null', { detail: { none: [null] } }, true],
    ['an absent field as null', { detail: { absent: [null] } }, false],
    ['every field', { source: ['aws.s3'], detail: { bucket: { name: ['other'] } } }, false],
    ['one item of a list', { detail: { tags: ['two'] } }, true],
    ['a prefix', { detail: { object: { key: [{ prefix: 'policies/' }] } } }, true],
    ['another prefix', { detail: { object: { key: [{ prefix: 'other/' }] } } }, false],
    ['a suffix', { detail: { object: { key: [{ suffix: '.yaml' }] } } }, true],
    ['anything but a value', { source: [{ 'anything-but': 'aws.iam' }] }, true],
    ['anything but this value', { source: [{ 'anything-but': ['aws.s3'] }] }, false],
    ['anything but, of an absent field', { absent: [{ 'anything-but': ['x'] }] }, false],
    ['anything but a prefix', { source: [{ 'anything-but': { prefix: 'aws.' } }] }, false],
    ['a field that exists', { detail: { none: [{ exists: true }] } }, true],
    ['a field that must not exist', { detail: { object: { etag: [{ exists: false }] } } }, true],
    ['a field that must not exist, and does', { source: [{ exists: false }] }, false],
    ['a field below one that is absent', { detail: { other: { name: [{ exists: false }] } } }, true],
    ['a name of Object.prototype', { constructor: [{ exists: true }] }, false],
  ])('%s', (_what, pattern, expected) => {
    expect(matchesPattern(parseEventPattern(pattern, 'Pattern'), event)).toBe(expected);
  });

  it.each<[string, unknown, string]>([
    ['numeric', { a: [{ numeric: ['>', 0] }] }, 'Pattern.a: unsupported event pattern operator {"numeric":[">",0]}'],
    ['wildcard', { a: { b: [{ wildcard: '*' }] } }, 'Pattern.a.b: unsupported event pattern operator'],
    ['cidr', { a: [{ cidr: '10.0.0.0/8' }] }, 'unsupported event pattern operator'],
    ['$or', { $or: [{ a: ['b'] }] }, 'Pattern.$or: unsupported event pattern operator $or'],
    ['two operators in one', { a: [{ prefix: 'x', suffix: 'y' }] }, 'unsupported event pattern operator'],
    ['anything-but with a suffix', { a: [{ 'anything-but': { suffix: 'x' } }] }, 'unsupported event pattern operator'],
    ['an empty list', { a: [] }, 'Pattern.a: an empty list matches nothing'],
    ['a bare value', { a: 'b' }, 'Pattern.a: an event pattern is an object'],
    ['nothing', {}, 'Pattern: an event pattern is an object'],
  ])('that is refused by name: %s', (_what, pattern, message) => {
    expect(() => parseEventPattern(pattern, 'Pattern')).toThrow(message);
  });
});
