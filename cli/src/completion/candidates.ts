import type { Names } from '@gatehouse/core/operations/names';
import type { Argument, Command, Option } from 'commander';

/** What may stand where the cursor is. */
export interface Candidate {
  readonly value: string;
  /** For shells that show it. */
  readonly description: string;
}

/** What is offered: words, or the files of the folder, as every shell does it. */
export type Offer = { readonly candidates: readonly Candidate[] } | { readonly files: true };

/** Where names come from; asked only where one may stand. */
export type NamesSource = (typed: Typed) => Promise<Names | undefined>;

/** Options that were typed before the cursor, by their names in the code, with the last value of each. */
export type Typed = ReadonlyMap<string, string>;

/**
 * What arguments and options of all verbs take, by their names: a verb that calls its argument `cluster` is completed without
 * more being said. A name that means many things stands behind its verb.
 */
const KINDS: Readonly<Record<string, readonly (keyof Names)[] | 'files'>> = {
  cluster: ['clusters'],
  target: ['clusters'],
  'plan-or-target': ['clusters'],
  chain: ['chains'],
  principal: ['people'],
  as: ['people'],
  subject: ['people'],
  machine: ['machines'],
  grant: ['grants'],
  level: ['levels'],
  version: ['versions'],
  environment: ['environments'],
  file: 'files',
  policy: 'files',
  out: 'files',
  awsAuth: 'files',
  rbac: 'files',
  kubeconfig: 'files',
  manifests: 'files',
  state: 'files',
  template: 'files',
  'deregister-cluster name': ['clusters'],
  'offboard application namespace': ['applications'],
  'offboard environment name': ['environments'],
};

/**
 * What may stand where the cursor is, after the words before it (without the command's own name).
 * @param current the beginning of the word at the cursor, empty where there is none yet.
 */
export async function candidatesFor(
  program: Command,
  before: readonly string[],
  current: string,
  names: NamesSource,
): Promise<Offer> {
  if (before[0] === 'help')
    return before.length > 1 ? NONE : beginning(await wordsAt(placeOf(program, []), current, names), current);
  // Bash makes words of their own of what stands around "=".
  const at = placeOf(
    program,
    before.filter((word) => word !== '='),
  );
  const [, long, part] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (long !== undefined && part !== undefined) {
    const option = optionNamed(at.command, long);
    const offer = option ? await valuesOf(option.attributeName(), option.argChoices, at, names) : NONE;
    return beginning(offer, part, `${long}=`);
  }
  const word = current === '=' ? '' : current;
  if (at.option) {
    const { option, isOptional } = at;
    const offer = await valuesOf(option.attributeName(), option.argChoices, at, names);
    if (!isOptional || 'files' in offer) return beginning(offer, word);
    const more = await wordsAt(at, word, names);
    return beginning('files' in more ? offer : { candidates: [...offer.candidates, ...more.candidates] }, word);
  }
  return beginning(await wordsAt(at, word, names), word);
}

const NONE: Offer = { candidates: [] };

/** Where the cursor is. */
interface Place {
  readonly command: Command;
  /** Arguments of the command that are there already. */
  readonly arguments: number;
  readonly typed: Typed;
  /** The option whose value is awaited; `isOptional`: it has one already, and takes more. */
  readonly option?: Option;
  readonly isOptional?: boolean;
  /** Behind `--`, after which nothing is an option. */
  readonly isPlain: boolean;
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command = program;
  let count = 0;
  let awaited: Option | undefined;
  let variadic: Option | undefined;
  const typed = new Map<string, string>();
  for (const [index, word] of words.entries()) {
    if (awaited) {
      typed.set(awaited.attributeName(), word);
      variadic = awaited.variadic ? awaited : undefined;
      awaited = undefined;
    } else if (word === '--') {
      return { command, arguments: count + words.length - index - 1, typed, isPlain: true };
    } else if (word.startsWith('-')) {
      variadic = undefined;
      const [name = '', ...values] = word.split('=');
      const option = optionNamed(command, name);
      if (values.length > 0 && option) typed.set(option.attributeName(), values.join('='));
      else if (option?.required) awaited = option;
    } else if (!variadic) {
      const sub = command.commands.find((one) => one.name() === word);
      if (sub) command = sub;
      count = sub ? 0 : count + 1;
    }
  }
  const option = awaited ?? variadic;
  return { command, arguments: count, typed, isPlain: false, ...(option ? { option, isOptional: !awaited } : {}) };
}

function optionNamed(command: Command, name: string): Option | undefined {
  return command
    .createHelp()
    .visibleOptions(command)
    .find(({ long, short }) => long === name || short === name);
}

async function wordsAt(place: Place, word: string, names: NamesSource): Promise<Offer> {
  const { command, isPlain } = place;
  if (word.startsWith('-') && !isPlain) return { candidates: optionsAt(place) };
  const verbs = command.createHelp().visibleCommands(command);
  if (verbs.length > 0) {
    const offered = place.arguments > 0 ? [] : verbs;
    return { candidates: offered.map((verb) => ({ value: verb.name(), description: verb.description() })) };
  }
  const argument = argumentAt(place);
  return argument ? valuesOf(argument.name(), argument.argChoices, place, names) : NONE;
}

function argumentAt({ command, arguments: count }: Place): Argument | undefined {
  const { registeredArguments: all } = command;
  const last = all.at(-1);
  return all[count] ?? (last?.variadic ? last : undefined);
}

/** The options of a command that were not typed yet. */
function optionsAt({ command, typed }: Place): readonly Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => option.variadic || !typed.has(option.attributeName()))
    .flatMap(({ long, description }) => (long ? [{ value: long, description }] : []));
}

async function valuesOf(
  name: string,
  choices: readonly string[] | undefined,
  { command, typed }: Place,
  names: NamesSource,
): Promise<Offer> {
  if (choices) return { candidates: choices.map((value) => ({ value, description: '' })) };
  const key = [`${pathOf(command)} ${name}`, name].find((one) => Object.hasOwn(KINDS, one));
  const kinds = key === undefined ? undefined : KINDS[key];
  if (kinds === undefined) return NONE;
  if (kinds === 'files') return { files: true };
  const known = await names(typed);
  const values = known ? kinds.flatMap((kind): readonly (string | number)[] => known[kind] ?? []) : [];
  return { candidates: values.map((value) => ({ value: String(value), description: '' })) };
}

/** The words of a verb, without the command's own name. */
function pathOf(command: Command): string {
  const { parent } = command;
  if (!parent) return '';
  return parent.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

/** What begins so, and can stand in a shell without quotes: bash takes a colon for the end of a word. */
function beginning(offer: Offer, word: string, prefix = ''): Offer {
  if ('files' in offer) return offer;
  const fitting = offer.candidates.filter(({ value }) => value.startsWith(word) && /^[\w./@+=-]+$/.test(value));
  return { candidates: fitting.map(({ value, description }) => ({ value: `${prefix}${value}`, description })) };
}
