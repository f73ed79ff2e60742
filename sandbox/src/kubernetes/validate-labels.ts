import type { LabelSelector } from './label-selectors.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { type FieldError, forbiddenField, invalidValue, required } from './status.ts';

/**
 * What is wrong with labels, or with those that a selector asks for.
 * Source: `apimachinery/pkg/apis/meta/v1/validation/validation.go`.
 */
export function validateLabels(labels: Readonly<Record<string, string>>, field: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameProblems(key).map((problem) => invalidValue(field, key, problem)),
    ...labelValueProblems(value).map((problem) => invalidValue(field, value, problem)),
  ]);
}

/** What is wrong with a selector of an object. */
export function validateSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector, at: string): FieldError[] {
  const expressions = matchExpressions.flatMap((expression, index) =>
    validateExpression(expression, `${at}.matchExpressions[${index}]`),
  );
  return [...validateLabels(matchLabels, `${at}.matchLabels`), ...expressions];
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

function validateExpression({ key = '', operator = '', values = [] }: Expression, at: string): FieldError[] {
  return [
    ...operatorErrors(operator, values.length, at),
    ...qualifiedNameProblems(key).map((problem) => invalidValue(`${at}.key`, key, problem)),
    ...values.flatMap((value, index) =>
      labelValueProblems(value).map((problem) => invalidValue(`${at}.values[${index}]`, value, problem)),
    ),
  ];
}

function operatorErrors(operator: string, values: number, at: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values > 0 ? [] : [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
    case 'Exists':
    case 'DoesNotExist':
      return values === 0
        ? []
        : [forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
    default:
      return [invalidValue(`${at}.operator`, operator, 'not a valid selector operator')];
  }
}
