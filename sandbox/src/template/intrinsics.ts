import { refusal } from './refusal.ts';

/** What the intrinsic functions of a template refer to. */
export interface Scope {
  /** Value of `Ref`: a parameter, a pseudo parameter, or a resource. Undefined where there is no such name. */
  ref(name: string): unknown;
  /** Value of `Fn::GetAtt`. Undefined where there is no such resource or attribute. */
  attribute(name: string, attribute: string): string | undefined;
  /** Whether a condition of the template holds. Undefined where there is no such condition. */
  condition(name: string): boolean | undefined;
}

/** Stands for `AWS::NoValue`: the property that holds it is left out. */
export const NO_VALUE = Symbol('AWS::NoValue');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `value` with every intrinsic function replaced by what it gives. Plays Ref, Fn::Sub, Fn::GetAtt, Fn::Join, Fn::If, and in
 * conditions Fn::Equals, Fn::Not, Fn::And, Fn::Or.
 * @throws Failure `unsupported` for any other function, and for names that do not exist; both say where.
 */
export function resolve(value: unknown, scope: Scope, where: string): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => resolve(item, scope, `${where}[${index}]`)).filter((item) => item !== NO_VALUE);
  }
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  const only = keys.length === 1 ? keys[0]! : '';
  if (only === 'Ref' || only.startsWith('Fn::')) return call(only, value[only], scope, where);
  const stray = keys.find((key) => key.startsWith('Fn::'));
  if (stray) throw refusal(where, `${stray} stands beside other keys`);
  const members = Object.entries(value)
    .map(([key, member]) => [key, resolve(member, scope, `${where}.${key}`)] as const)
    .filter(([, member]) => member !== NO_VALUE);
  return Object.fromEntries(members);
}

function call(name: string, argument: unknown, scope: Scope, where: string): unknown {
  switch (name) {
    case 'Ref': {
      if (argument === 'AWS::NoValue') return NO_VALUE;
      const value = scope.ref(text(argument, where));
      if (value === undefined) throw refusal(where, `Ref ${String(argument)}: nothing has that name`);
      return value;
    }
    case 'Fn::GetAtt':
      return getAtt(Array.isArray(argument) ? argument.join('.') : text(argument, where), scope, where);
    case 'Fn::Sub':
      return substitute(argument, scope, where);
    case 'Fn::Join': {
      const [separator, list] = pair(argument, name, where);
      const parts = resolve(list, scope, where);
      if (!Array.isArray(parts)) throw refusal(where, 'Fn::Join joins a list');
      return parts.map((part) => text(part, where)).join(text(separator, where));
    }
    case 'Fn::If': {
      if (!Array.isArray(argument) || argument.length !== 3)
        throw refusal(where, 'Fn::If takes a condition and two values');
      const holds = scope.condition(text(argument[0], where));
      if (holds === undefined) throw refusal(where, `Fn::If ${String(argument[0])}: there is no such condition`);
      return resolve(argument[holds ? 1 : 2], scope, where);
    }
    default:
      throw refusal(where, `unsupported intrinsic ${name}`);
  }
}

/** Whether a condition's expression holds. @throws Failure `unsupported` for what is no expression. */
export function evaluate(expression: unknown, scope: Scope, where: string): boolean {
  const [[name, argument] = ['', undefined]] = isObject(expression) ? Object.entries(expression) : [];
  const list = Array.isArray(argument) ? argument : [];
  switch (name) {
    case 'Condition': {
      const holds = scope.condition(text(argument, where));
      if (holds === undefined) throw refusal(where, `there is no condition ${String(argument)}`);
      return holds;
    }
    case 'Fn::Equals': {
      const [left, right] = pair(argument, name, where);
      return String(resolve(left, scope, where)) === String(resolve(right, scope, where));
    }
    case 'Fn::Not':
      return !evaluate(list[0], scope, where);
    case 'Fn::And':
      return list.every((each) => evaluate(each, scope, where));
    case 'Fn::Or':
      return list.some((each) => evaluate(each, scope, where));
    default:
      throw refusal(where, `unsupported condition function ${name || typeof expression}`);
  }
}

function getAtt(path: string, scope: Scope, where: string): string {
  const dot = path.indexOf('.');
  const value = dot > 0 ? scope.attribute(path.slice(0, dot), path.slice(dot + 1)) : undefined;
  if (value === undefined) throw refusal(where, `unsupported Fn::GetAtt ${path}: no such resource or attribute`);
  return value;
}

/** `${Name}`, `${Name.Attribute}`, `${AWS::Region}`; `${!Literal}` stays as `${Literal}`. */
function substitute(argument: unknown, scope: Scope, where: string): string {
  const [template, own] = Array.isArray(argument) ? pair(argument, 'Fn::Sub', where) : [argument, {}];
  const names = isObject(own) ? own : {};
  return text(template, where).replace(/\$\{(!?)([^}]*)\}/g, (_whole, literal: string, name: string) => {
    if (literal) return `\${${name}}`;
    if (Object.hasOwn(names, name)) return text(resolve(names[name], scope, where), where);
    const value = name.includes('.') ? getAtt(name, scope, where) : scope.ref(name);
    if (value === undefined) throw refusal(where, `Fn::Sub \${${name}}: nothing has that name`);
    return text(value, where);
  });
}

function pair(argument: unknown, name: string, where: string): [unknown, unknown] {
  if (!Array.isArray(argument) || argument.length !== 2) throw refusal(where, `${name} takes two arguments`);
  return [argument[0], argument[1]];
}

function text(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw refusal(where, `${JSON.stringify(value)} stands where a text belongs`);
}
