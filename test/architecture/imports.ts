import { posix } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';
import { DIRECTIONS, type Direction } from './directions.ts';

/** A module: its path from the workspace's root, with `/`, and its text. */
export interface Module {
  readonly path: string;
  readonly text: string;
}

/** What one module does that it may not. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Where a module names another one, and how it reaches out for effects. */
interface Findings {
  readonly imports: readonly { readonly specifier: string | undefined; readonly offset: number }[];
  readonly effects: readonly { readonly name: string; readonly offset: number }[];
}

const CORE_SOURCE = 'layers/core/nodejs/src/';
const CORE_PACKAGE = '@gatehouse/core/';

/** Effects that belong behind a port. `core/aws` and `core/kubernetes` are where the ports end. */
const EFFECTS: ReadonlySet<string> = new Set(['Date.now', 'Math.random', 'process.env', 'performance.now']);
const EFFECT_CALLS: ReadonlySet<string> = new Set(['setTimeout', 'setInterval', 'setImmediate', 'fetch']);
const EDGES = ['core/aws', 'core/kubernetes'];

/** Everything that the modules do against {@link DIRECTIONS}, in their order. */
export function violations(modules: readonly Module[], directions: readonly Direction[] = DIRECTIONS): Violation[] {
  return modules.flatMap((module) => violationsOf(module, directions));
}

function violationsOf(module: Module, directions: readonly Direction[]): Violation[] {
  const place = placeOf(module.path);
  const direction = directions.find((one) => isWithin(place, one.place));
  if (!direction) return [{ path: module.path, line: 1, message: `no direction says what ${place} may import` }];
  const { imports, effects } = findingsIn(module);
  const at = (offset: number, message: string): Violation => ({
    path: module.path,
    line: module.text.slice(0, offset).split('\n').length,
    message,
  });
  const badImports = imports.flatMap(({ specifier, offset }) => {
    const why = specifier === undefined ? computedRefusal(direction) : refusal(module, place, direction, specifier);
    return why === undefined ? [] : [at(offset, `${place} may not import ${specifier ?? 'this'}: ${why}`)];
  });
  const isPure = place.startsWith('core/') && !EDGES.includes(place);
  const badEffects = isPure
    ? effects.map(({ name, offset }) => at(offset, `${place} may not use ${name}: effects stand behind a port`))
    : [];
  return [...badImports, ...badEffects];
}

function computedRefusal({ computed }: Direction): string | undefined {
  return computed ? undefined : 'the name is not a literal';
}

/** Why an import is refused; undefined where it is allowed. */
function refusal(module: Module, place: string, direction: Direction, specifier: string): string | undefined {
  const path = pathOf(module.path, specifier);
  if (path === undefined) {
    return direction.packages.some((allowed) => startsWithPart(specifier, allowed))
      ? undefined
      : 'the package is not among those of this folder';
  }
  if (specifier.startsWith(CORE_PACKAGE) && place.startsWith('core/')) return 'inside the core, imports are relative';
  if (!specifier.startsWith(CORE_PACKAGE) && path.startsWith(CORE_SOURCE) && !place.startsWith('core/')) {
    return `from outside, the core is ${CORE_PACKAGE}...`;
  }
  const other = placeOf(path);
  if (other === place) return undefined;
  const more = direction.exceptions?.filter(({ module: which }) => which.test(module.path)) ?? [];
  const allowed = [...direction.places, ...more.flatMap(({ places }) => places)];
  return allowed.some((one) => isWithin(other, one)) ? undefined : `${other} is not below it`;
}

/** Every literal name of a module, however it is imported, and every effect, by the syntax tree: strings and comments are none. */
function findingsIn({ path, text }: Module): Findings {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const imports: { specifier: string | undefined; offset: number }[] = [];
  const effects: { name: string; offset: number }[] = [];
  const add = (source: { readonly type: string; readonly value?: unknown; readonly start: number } | null) => {
    if (source === null) return;
    imports.push({
      specifier: source.type === 'Literal' && typeof source.value === 'string' ? source.value : undefined,
      offset: source.start,
    });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      const { callee } = node;
      if (callee.type !== 'Identifier') return;
      if (callee.name === 'require') add(node.arguments[0] ?? { type: 'none', start: node.start });
      if (EFFECT_CALLS.has(callee.name)) effects.push({ name: callee.name, offset: node.start });
    },
    MemberExpression: (node) => {
      if (node.object.type !== 'Identifier') return;
      const member =
        node.property.type === 'Identifier' || node.property.type === 'PrivateIdentifier'
          ? node.property.name
          : literalOf(node.property);
      const name = `${node.object.name}.${member}`;
      if (EFFECTS.has(name)) effects.push({ name, offset: node.start });
    },
    NewExpression: (node) => {
      const isNow = node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0;
      if (isNow) effects.push({ name: 'new Date()', offset: node.start });
    },
  }).visit(program);
  return { imports, effects };
}

function literalOf(node: { readonly type: string; readonly value?: unknown }): string {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : '';
}

/** The path that a specifier means, from the workspace's root; undefined for a package. */
function pathOf(from: string, specifier: string): string | undefined {
  if (/^\.{1,2}(\/|$)/.test(specifier)) return posix.join(posix.dirname(from), specifier);
  if (specifier.startsWith(CORE_PACKAGE)) return `${CORE_SOURCE}${specifier.slice(CORE_PACKAGE.length)}.ts`;
  return undefined;
}

/** `layers/core/nodejs/src/access/arn.ts` -> `core/access`; `functions/tick/main.ts` -> `functions/tick`; `cli/src/main.ts` -> `cli`. */
export function placeOf(path: string): string {
  if (path.startsWith(CORE_SOURCE)) {
    const [folder = '', ...rest] = path.slice(CORE_SOURCE.length).split('/');
    return rest.length === 0 ? 'core' : `core/${folder}`;
  }
  const [first = '', second = '', ...rest] = path.split('/');
  if (first === 'functions' && rest.length > 0) return `functions/${second}`;
  return second === '' ? 'workspace' : first;
}

/** `core/access` is within `core/`, `core/access` and ``, not within `core/acc`. */
function isWithin(place: string, beginning: string): boolean {
  return (
    beginning === '' || place === beginning || place.startsWith(beginning.endsWith('/') ? beginning : `${beginning}/`)
  );
}

function startsWithPart(specifier: string, beginning: string): boolean {
  return /^$|[:/]$/.test(beginning)
    ? specifier.startsWith(beginning)
    : specifier === beginning || specifier.startsWith(`${beginning}/`);
}
