/**
 * Tokens of YAML 1.1 as Go's `yaml.v2` finds them (`scannerc.go` of v2.4.3, itself libyaml): what the authenticator reads aws-auth
 * with. No reader that follows the letter of YAML will do in its place, because this one takes what YAML forbids (brackets at the
 * margin, a comment right behind a quote) and refuses what YAML allows. Left out is what hangs on how full Go's buffer is: a byte
 * order mark within the text counts as a letter, and a character that is not allowed counts wherever it stands.
 */

/** Why the authenticator would not read a text. */
export class GoYamlError extends Error {}

/** A token. A scalar is `plain` where it is neither quoted nor a block. */
export type Token =
  | { readonly kind: Mark }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'tag-directive'; readonly handle: string; readonly prefix: string }
  | { readonly kind: 'anchor'; readonly name: string }
  | { readonly kind: 'alias'; readonly name: string }
  | { readonly kind: 'tag'; readonly handle: string; readonly suffix: string }
  | { readonly kind: 'scalar'; readonly text: string; readonly plain: boolean };

/** Tokens that say nothing but where they stand. A `key` is inserted before what turns out to be one. */
export type Mark =
  | 'stream-end'
  | 'document-start'
  | 'document-end'
  | 'block-sequence'
  | 'block-mapping'
  | 'block-end'
  | 'entry'
  | 'key'
  | 'value'
  | '['
  | ']'
  | '{'
  | '}'
  | ',';

/** Where something stands that may turn out to be a key, once a colon follows it on the same line. */
interface SimpleKey {
  possible: boolean;
  /** There the block would be broken if it were none. */
  readonly required: boolean;
  /** Counted over the whole text. */
  readonly token: number;
  readonly place: Place;
}

/** Counted from 0, in characters. */
interface Place {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

const isBlank = (character: string): boolean => character === ' ' || character === '\t';
const isBreak = (character: string): boolean => BREAKS.has(character);
const isBreakOrEnd = (character: string): boolean => character === '' || isBreak(character);
const isBlankOrEnd = (character: string): boolean => isBreakOrEnd(character) || isBlank(character);
const BREAKS: ReadonlySet<string> = new Set(['\n', '\r', '\u0085', '\u2028', '\u2029']);

/** Letters and digits of names: of anchors, of directives, of tags. */
const NAME = /[0-9A-Za-z_-]*/y;
const BLANKS = /[ \t]*/y;
const COMMENT = /#[^\n\r\u0085\u2028\u2029]*/y;
const URI = /[0-9A-Za-z_;/?:@&=+$,.!~*'()[\]-]*/y;
const HEX = /[0-9A-Fa-f]*/y;
const FORBIDDEN = /[^\t\n\r -~\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

const FARTHEST_COLON = 1024;
const DEEPEST = 10_000;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['a', '\x07'],
  ['b', '\b'],
  ['t', '\t'],
  ['\t', '\t'],
  ['n', '\n'],
  ['v', '\v'],
  ['f', '\f'],
  ['r', '\r'],
  ['e', '\x1b'],
  [' ', ' '],
  ['"', '"'],
  ["'", "'"],
  ['\\', '\\'],
  ['N', '\u0085'],
  ['_', '\u00a0'],
  ['L', '\u2028'],
  ['P', '\u2029'],
]);
const CODE_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

/** Scans no further than it is asked to: an error behind the last token that was wanted is never found. */
export class GoYamlScanner {
  readonly #text: string;
  #offset = 0;
  #index = 0;
  #line = 0;
  #column = 0;

  /** Tokens found and not yet taken; `#taken` counts the others. */
  #queue: Token[] = [];
  #head = 0;
  #taken = 0;
  #isReady = false;

  /** Column of the block that is open, -1 outside of all; and those around it. */
  #indent = -1;
  readonly #indents: number[] = [];

  /** One for the block context, and one for each bracket that is open. */
  readonly #keys: SimpleKey[] = [
    { possible: false, required: false, token: 0, place: { index: 0, line: 0, column: 0 } },
  ];
  /** Which of these begins with a token, by its number. */
  readonly #keyOfToken = new Map<number, number>();
  #keyAllowed = true;

  /** @throws GoYamlError for a text with characters that YAML does not allow anywhere. */
  constructor(text: string) {
    if (FORBIDDEN.test(text)) throw new GoYamlError('control characters are not allowed');
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  /** The next token, which stays. @throws GoYamlError */
  peek(): Token {
    if (!this.#isReady) {
      while (this.#needsMore()) this.#fetch();
      this.#isReady = true;
    }
    return this.#queue[this.#head]!;
  }

  /** Takes the token that was peeked. */
  skip(): void {
    this.#isReady = false;
    this.#head++;
    this.#taken++;
    if (this.#head < this.#queue.length) return;
    this.#queue = [];
    this.#head = 0;
  }

  /** @throws GoYamlError with the line that is being read. */
  fail(problem: string): never {
    throw new GoYamlError(`line ${this.#line + 1}: ${problem}`);
  }

  /** As long as the next token may be a key, which only a colon behind it tells. */
  #needsMore(): boolean {
    if (this.#head === this.#queue.length) return true;
    const key = this.#keyOfToken.get(this.#taken);
    return key !== undefined && this.#isStillPossible(this.#keys[key]!);
  }

  #fetch(): void {
    this.#skipToToken();
    this.#closeBlocks(this.#column);
    this.#fetchHere();
  }

  /** Reads the token that begins here. */
  #fetchHere() {
    const character = this.#at();
    if (character === '') return this.#fetchEnd();
    if (this.#column === 0 && character === '%') return this.#fetchDirective();
    if (this.#isDocumentMarker()) return this.#fetchDocumentMarker();
    const inFlow = this.#flowLevel > 0;
    const next = this.#at(1);
    switch (character) {
      case '[':
      case '{':
        return this.#fetchOpening(character);
      case ']':
      case '}':
        return this.#fetchClosing(character);
      case ',':
        return this.#fetchComma();
      case '-':
        if (isBlankOrEnd(next)) return this.#fetchEntry();
        break;
      case '?':
        if (inFlow || isBlankOrEnd(next)) return this.#fetchKey();
        break;
      case ':':
        if (inFlow || isBlankOrEnd(next)) return this.#fetchValue();
        break;
      case '*':
      case '&':
        this.#beginPossibleKey();
        return this.#add(this.#scanAnchor(character === '*' ? 'alias' : 'anchor'));
      case '!':
        this.#beginPossibleKey();
        return this.#add(this.#scanTag());
      case '|':
      case '>':
        if (!inFlow) return this.#fetchBlockScalar(character === '|');
        break;
      case "'":
      case '"':
        this.#beginPossibleKey();
        return this.#add(this.#scanQuoted(character));
    }
    if (!this.#mayStartPlain(character, next, inFlow)) this.fail('found character that cannot start any token');
    this.#beginPossibleKey();
    return this.#add(this.#scanPlain());
  }

  #mayStartPlain(character: string, next: string, inFlow: boolean): boolean {
    if (character === '-') return !isBlank(next);
    if (character === '?' || character === ':') return !inFlow && !isBlankOrEnd(next);
    return !isBlankOrEnd(character) && !',[]{}#&*!|>\'"%@`'.includes(character);
  }

  get #flowLevel(): number {
    return this.#keys.length - 1;
  }

  get #place(): Place {
    return { index: this.#index, line: this.#line, column: this.#column };
  }

  /** The character that far ahead; empty behind the end. */
  #at(ahead = 0): string {
    return this.#text.charAt(this.#offset + ahead);
  }

  /** Goes on within a line. A pair of surrogates is one character. */
  #advance(units = 1): string {
    const start = this.#offset;
    this.#offset += units;
    let characters = 0;
    for (let at = start; at < this.#offset; at++) if ((this.#text.charCodeAt(at) & 0xfc00) !== 0xdc00) characters++;
    this.#index += characters;
    this.#column += characters;
    return this.#text.slice(start, this.#offset);
  }

  /** Takes what a sticky pattern matches here, within a line. */
  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    return pattern.test(this.#text) ? this.#advance(pattern.lastIndex - this.#offset) : '';
  }

  /** Takes one end of a line. All but those of Unicode count as a line feed. */
  #takeBreak(): string {
    const character = this.#at();
    const units = character === '\r' && this.#at(1) === '\n' ? 2 : 1;
    this.#offset += units;
    this.#index += units;
    this.#column = 0;
    this.#line++;
    return character === '\u2028' || character === '\u2029' ? character : '\n';
  }

  #add(token: Token): void {
    this.#queue.push(token);
  }

  /** Puts a token before the one with this number; behind all others where that one is taken already. */
  #insert(token: Token, number: number): void {
    const position = number - this.#taken;
    if (position < 0) this.#queue.push(token);
    else this.#queue.splice(this.#head + position, 0, token);
  }

  get #nextNumber(): number {
    return this.#taken + this.#queue.length - this.#head;
  }

  #isStillPossible(key: SimpleKey): boolean {
    if (!key.possible) return false;
    const { line, index } = key.place;
    if (line >= this.#line && index + FARTHEST_COLON >= this.#index) return true;
    if (key.required) this.fail("could not find expected ':'");
    key.possible = false;
    return false;
  }

  #saveKey(): void {
    if (!this.#keyAllowed) return;
    const required = this.#flowLevel === 0 && this.#indent === this.#column;
    this.#dropKey();
    const key = { possible: true, required, token: this.#nextNumber, place: this.#place };
    this.#keys[this.#flowLevel] = key;
    this.#keyOfToken.set(key.token, this.#flowLevel);
  }

  #dropKey(): void {
    const key = this.#keys.at(-1)!;
    if (!key.possible) return;
    if (key.required) this.fail("could not find expected ':'");
    key.possible = false;
    this.#keyOfToken.delete(key.token);
  }

  /** Opens a block where this column is deeper than the one that is open; its token goes before the one with `number`. */
  #openBlock(kind: 'block-sequence' | 'block-mapping', column: number, number = this.#nextNumber): void {
    if (this.#flowLevel > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > DEEPEST) this.fail(`exceeded max depth of ${DEEPEST}`);
    this.#insert({ kind }, number);
  }

  #closeBlocks(column: number): void {
    if (this.#flowLevel > 0) return;
    while (this.#indent > column) {
      this.#add({ kind: 'block-end' });
      this.#indent = this.#indents.pop()!;
    }
  }

  #skipToToken(): void {
    for (;;) {
      // A tab is no indentation: at the start of a line of a block it begins a token, which none may.
      while (this.#at() === ' ' || (this.#at() === '\t' && (this.#flowLevel > 0 || !this.#keyAllowed))) this.#advance();
      this.#take(COMMENT);
      if (!isBreak(this.#at())) return;
      this.#takeBreak();
      if (this.#flowLevel === 0) this.#keyAllowed = true;
    }
  }

  #fetchEnd(): void {
    if (this.#column !== 0) {
      this.#column = 0;
      this.#line++;
    }
    this.#endContext();
    this.#add({ kind: 'stream-end' });
  }

  #endContext(): void {
    this.#closeBlocks(-1);
    this.#dropKey();
    this.#keyAllowed = false;
  }

  #isDocumentMarker(): boolean {
    if (this.#column !== 0 || !isBlankOrEnd(this.#at(3))) return false;
    return this.#text.startsWith('---', this.#offset) || this.#text.startsWith('...', this.#offset);
  }

  #fetchDocumentMarker(): void {
    this.#endContext();
    this.#add({ kind: this.#advance(3) === '---' ? 'document-start' : 'document-end' });
  }

  #fetchOpening(kind: '[' | '{'): void {
    this.#saveKey();
    this.#keys.push({ possible: false, required: false, token: this.#nextNumber, place: this.#place });
    if (this.#flowLevel > DEEPEST) this.fail(`exceeded max depth of ${DEEPEST}`);
    this.#keyAllowed = true;
    this.#advance();
    this.#add({ kind });
  }

  #fetchClosing(kind: ']' | '}'): void {
    this.#dropKey();
    // Where nothing stood between the brackets, this forgets that the opening one may begin a key. So does Go.
    if (this.#flowLevel > 0) this.#keyOfToken.delete(this.#keys.pop()!.token);
    this.#keyAllowed = false;
    this.#advance();
    this.#add({ kind });
  }

  #fetchComma(): void {
    this.#dropKey();
    this.#keyAllowed = true;
    this.#advance();
    this.#add({ kind: ',' });
  }

  #fetchEntry(): void {
    if (this.#flowLevel === 0) {
      if (!this.#keyAllowed) this.fail('block sequence entries are not allowed in this context');
      this.#openBlock('block-sequence', this.#column);
    }
    this.#dropKey();
    this.#keyAllowed = true;
    this.#advance();
    this.#add({ kind: 'entry' });
  }

  #fetchKey(): void {
    if (this.#flowLevel === 0) {
      if (!this.#keyAllowed) this.fail('mapping keys are not allowed in this context');
      this.#openBlock('block-mapping', this.#column);
    }
    this.#dropKey();
    this.#keyAllowed = this.#flowLevel === 0;
    this.#advance();
    this.#add({ kind: 'key' });
  }

  #fetchValue(): void {
    const key = this.#keys.at(-1)!;
    if (this.#isStillPossible(key)) {
      this.#insert({ kind: 'key' }, key.token);
      this.#openBlock('block-mapping', key.place.column, key.token);
      key.possible = false;
      this.#keyOfToken.delete(key.token);
      this.#keyAllowed = false;
    } else {
      if (this.#flowLevel === 0) {
        if (!this.#keyAllowed) this.fail('mapping values are not allowed in this context');
        this.#openBlock('block-mapping', this.#column);
      }
      this.#keyAllowed = this.#flowLevel === 0;
    }
    this.#advance();
    this.#add({ kind: 'value' });
  }

  #beginPossibleKey(): void {
    this.#saveKey();
    this.#keyAllowed = false;
  }

  #fetchBlockScalar(literal: boolean): void {
    this.#dropKey();
    this.#keyAllowed = true;
    this.#add(this.#scanBlockScalar(literal));
  }

  #fetchDirective(): void {
    this.#endContext();
    this.#advance();
    const name = this.#take(NAME);
    if (name === '') this.fail('could not find expected directive name');
    if (!isBlankOrEnd(this.#at())) this.fail('found unexpected non-alphabetical character');
    if (name === 'YAML') this.#add(this.#scanVersion());
    else if (name === 'TAG') this.#add(this.#scanTagDirective());
    else this.fail('found unknown directive name');
    this.#takeRestOfLine();
  }

  /** Blanks, a comment, and the end of the line, which must follow. */
  #takeRestOfLine(): void {
    this.#take(BLANKS);
    this.#take(COMMENT);
    if (!isBreakOrEnd(this.#at())) this.fail('did not find expected comment or line break');
    if (isBreak(this.#at())) this.#takeBreak();
  }

  #scanVersion(): Token {
    this.#take(BLANKS);
    const major = this.#scanVersionNumber();
    if (this.#advance() !== '.') this.fail("did not find expected digit or '.' character");
    return { kind: 'version', version: `${major}.${this.#scanVersionNumber()}` };
  }

  #scanVersionNumber(): number {
    const digits = this.#take(/[0-9]*/y);
    if (digits === '' || digits.length > 2) this.fail('did not find expected version number');
    return Number(digits);
  }

  #scanTagDirective(): Token {
    this.#take(BLANKS);
    const handle = this.#scanTagHandle();
    if (!/^!([^!]*!)?$/.test(handle)) this.fail("did not find expected '!'");
    if (!isBlank(this.#at())) this.fail('did not find expected whitespace');
    this.#take(BLANKS);
    const prefix = this.#scanUri('');
    if (!isBlankOrEnd(this.#at())) this.fail('did not find expected whitespace or line break');
    return { kind: 'tag-directive', handle, prefix };
  }

  #scanAnchor(kind: 'anchor' | 'alias'): Token {
    this.#advance();
    const name = this.#take(NAME);
    const next = this.#at();
    if (name === '' || !(isBlankOrEnd(next) || '?:,]}%@`'.includes(next))) {
      this.fail('did not find expected alphabetic or numeric character');
    }
    return { kind, name };
  }

  #scanTag(): Token {
    const tag = this.#at(1) === '<' ? this.#scanVerbatimTag() : this.#scanShorthandTag();
    if (!isBlankOrEnd(this.#at())) this.fail('did not find expected whitespace or line break');
    return { kind: 'tag', ...tag };
  }

  #scanVerbatimTag(): { handle: string; suffix: string } {
    this.#advance(2);
    const suffix = this.#scanUri('');
    if (this.#advance() !== '>') this.fail("did not find the expected '>'");
    return { handle: '', suffix };
  }

  #scanShorthandTag(): { handle: string; suffix: string } {
    const handle = this.#scanTagHandle();
    if (handle.length > 1 && handle.endsWith('!')) return { handle, suffix: this.#scanUri('') };
    const suffix = this.#scanUri(handle);
    return suffix === '' ? { handle: '', suffix: '!' } : { handle: '!', suffix };
  }

  #scanTagHandle(): string {
    if (this.#at() !== '!') this.fail("did not find expected '!'");
    const handle = this.#advance() + this.#take(NAME);
    return this.#at() === '!' ? handle + this.#advance() : handle;
  }

  /** @param head what stands before it already, its first character left out. */
  #scanUri(head: string): string {
    let uri = head.slice(1);
    for (;;) {
      const part = this.#at() === '%' ? this.#scanUriEscape() : this.#take(URI);
      uri += part;
      if (part !== '') continue;
      if (uri === '' && head === '') this.fail('did not find expected tag URI');
      return uri;
    }
  }

  /** One character in UTF-8, each byte as a percent sign and two hexadecimal digits. */
  #scanUriEscape(): string {
    const bytes: number[] = [];
    do {
      const code = /%([0-9A-Fa-f]{2})/y;
      code.lastIndex = this.#offset;
      const digits = code.exec(this.#text)?.[1];
      if (digits === undefined) this.fail('did not find URI escaped octet');
      this.#advance(3);
      bytes.push(Number.parseInt(digits, 16));
      const isLeading = bytes.length === 1;
      if (isLeading && widthOf(bytes[0]!) === 0) this.fail('found an incorrect leading UTF-8 octet');
      if (!isLeading && (bytes.at(-1)! & 0xc0) !== 0x80) this.fail('found an incorrect trailing UTF-8 octet');
    } while (bytes.length < widthOf(bytes[0]!));
    return Buffer.from(bytes).toString('utf8');
  }

  #scanBlockScalar(literal: boolean): Token {
    this.#advance();
    const header = this.#take(/(?:[+-][0-9]?|[0-9][+-]?)?/y);
    const increment = /[0-9]/.exec(header)?.[0];
    if (increment === '0') this.fail('found an indentation indicator equal to 0');
    this.#takeRestOfLine();
    let indent = increment === undefined ? 0 : Math.max(this.#indent, 0) + Number(increment);
    let text = '';
    let leadingBreak = '';
    let startsBlank = false;
    let breaks = this.#takeBlockBreaks(indent);
    indent = breaks.indent;
    while (this.#column === indent && this.#at() !== '') {
      const isDeeper = isBlank(this.#at());
      const folds = !literal && leadingBreak === '\n' && !startsBlank && !isDeeper;
      text += folds ? (breaks.text === '' ? ' ' : '') : leadingBreak;
      text += breaks.text;
      startsBlank = isDeeper;
      text += this.#take(/[^\n\r\u0085\u2028\u2029]*/y);
      leadingBreak = isBreak(this.#at()) ? this.#takeBreak() : '';
      breaks = this.#takeBlockBreaks(indent);
    }
    if (!header.includes('-')) text += leadingBreak;
    if (header.includes('+')) text += breaks.text;
    return { kind: 'scalar', text, plain: false };
  }

  /** Empty lines before or within a block scalar, and its indentation where it is not known (0) yet. */
  #takeBlockBreaks(indent: number): { readonly text: string; readonly indent: number } {
    let text = '';
    let deepest = 0;
    for (;;) {
      while ((indent === 0 || this.#column < indent) && this.#at() === ' ') this.#advance();
      deepest = Math.max(deepest, this.#column);
      if ((indent === 0 || this.#column < indent) && this.#at() === '\t') {
        this.fail('found a tab character where an indentation space is expected');
      }
      if (!isBreak(this.#at())) return { text, indent: indent || Math.max(deepest, this.#indent + 1, 1) };
      text += this.#takeBreak();
    }
  }

  #scanQuoted(quote: '"' | "'"): Token {
    this.#advance();
    let text = '';
    for (;;) {
      if (this.#isDocumentMarker()) this.fail('found unexpected document indicator');
      if (this.#at() === '') this.fail('found unexpected end of stream');
      const { text: words, joins } = quote === '"' ? this.#takeDoubleQuoted() : this.#takeSingleQuoted();
      text += words;
      if (this.#at() === quote) break;
      text += this.#takeFoldedSpace(joins).text;
    }
    this.#advance();
    return { kind: 'scalar', text, plain: false };
  }

  #takeSingleQuoted(): { text: string; joins: boolean } {
    let text = '';
    for (;;) {
      text += this.#take(/[^'\t \n\r\u0085\u2028\u2029]*/y);
      if (this.#at() !== "'" || this.#at(1) !== "'") return { text, joins: false };
      this.#advance(2);
      text += "'";
    }
  }

  /** `joins`: it ends in an escaped end of a line. */
  #takeDoubleQuoted(): { text: string; joins: boolean } {
    let text = '';
    for (;;) {
      text += this.#take(/[^"\\\t \n\r\u0085\u2028\u2029]*/y);
      if (this.#at() !== '\\') return { text, joins: false };
      if (isBreak(this.#at(1))) {
        this.#advance();
        this.#takeBreak();
        return { text, joins: true };
      }
      text += this.#takeEscape();
    }
  }

  #takeEscape(): string {
    const name = this.#advance(2).charAt(1);
    const length = CODE_LENGTHS.get(name);
    if (length === undefined) return ESCAPES.get(name) ?? this.fail('found unknown escape character');
    const digits = this.#text.slice(this.#offset, this.#offset + length);
    HEX.lastIndex = 0;
    if (HEX.exec(digits)![0].length !== length) this.fail('did not find expected hexdecimal number');
    const code = Number.parseInt(digits, 16);
    if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) {
      this.fail('found invalid Unicode character escape code');
    }
    this.#advance(length);
    return String.fromCodePoint(code);
  }

  /**
   * Blanks and ends of lines between the words of a scalar, and what they mean: the blanks themselves within a line, one space
   * for one end of a line, and every further one for itself.
   * @param joined an end of a line was taken, which does not count.
   * @param indent columns before this one may hold no tab behind an end of a line.
   */
  #takeFoldedSpace(joined: boolean, indent = 0): { readonly text: string; readonly broken: boolean } {
    let blanks = '';
    let first: string | undefined = joined ? '' : undefined;
    let more = '';
    for (;;) {
      const character = this.#at();
      if (isBlank(character)) {
        if (first !== undefined && character === '\t' && this.#column < indent) {
          this.fail('found a tab character that violates indentation');
        }
        blanks += this.#advance();
      } else if (!isBreak(character)) break;
      else if (first === undefined) first = this.#takeBreak();
      else more += this.#takeBreak();
    }
    if (first === undefined) return { text: blanks, broken: false };
    return { text: first === '\n' ? more || ' ' : first + more, broken: true };
  }

  #scanPlain(): Token {
    const indent = this.#indent + 1;
    let text = '';
    let space = { text: '', broken: false };
    while (!this.#isDocumentMarker() && this.#at() !== '#') {
      const words = this.#takePlainWord();
      if (words !== '') {
        text += space.text + words;
        space = { text: '', broken: false };
      }
      if (!isBlank(this.#at()) && !isBreak(this.#at())) break;
      space = this.#takeFoldedSpace(false, indent);
      if (this.#flowLevel === 0 && this.#column < indent) break;
    }
    if (space.broken) this.#keyAllowed = true;
    return { kind: 'scalar', text, plain: true };
  }

  #takePlainWord(): string {
    const word = this.#flowLevel > 0 ? FLOW_WORD : BLOCK_WORD;
    return this.#take(word);
  }
}

/** Up to a blank, the end, a colon before either, and within brackets one of their indicators. */
const BLOCK_WORD = /(?:[^\t \n\r\u0085\u2028\u2029:]|:(?![\t \n\r\u0085\u2028\u2029]|$))*/y;
const FLOW_WORD = /(?:[^\t \n\r\u0085\u2028\u2029:,?[\]{}]|:(?![\t \n\r\u0085\u2028\u2029]|$))*/y;

/** Bytes of a character in UTF-8, by its first one; 0 for what is none. */
function widthOf(byte: number): number {
  if (byte < 0x80) return 1;
  if ((byte & 0xe0) === 0xc0) return 2;
  if ((byte & 0xf0) === 0xe0) return 3;
  return (byte & 0xf8) === 0xf0 ? 4 : 0;
}
