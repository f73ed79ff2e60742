import { GoYamlScanner, type Mark } from './go-yaml-scanner.ts';

/**
 * A node of a YAML text, its tag resolved and its scalars not. `isImplicit`: what a scalar means is told by its text, because it
 * is plain and has no tag.
 */
export type GoNode =
  | { readonly kind: 'scalar'; readonly text: string; readonly tag: string; readonly isImplicit: boolean }
  | { readonly kind: 'sequence'; readonly items: readonly GoNode[] }
  | { readonly kind: 'mapping'; readonly pairs: readonly (readonly [GoNode, GoNode])[] }
  | { readonly kind: 'alias'; readonly name: string; readonly target: GoNode };

/** What `!!x` is short for: `tag:yaml.org,2002:x`. */
export const YAML_TAG = 'tag:yaml.org,2002:';

/**
 * The root of a text's first document, as Go's `yaml.v2` composes it (`parserc.go` and `decode.go` of v2.4.3); undefined where
 * there is no document. What follows it is read up to the next token only, so an error there does no harm.
 * @throws GoYamlError
 */
export function parseGoYaml(text: string): GoNode | undefined {
  return new Parser(text).document();
}

const EMPTY: GoNode = { kind: 'scalar', text: '', tag: '', isImplicit: true };

class Parser {
  readonly #tokens: GoYamlScanner;
  readonly #anchors = new Map<string, GoNode>();
  /** What tags may begin with, and what it stands for. */
  readonly #handles = new Map<string, string>();

  constructor(text: string) {
    this.#tokens = new GoYamlScanner(text);
  }

  document(): GoNode | undefined {
    if (this.#isNext('stream-end')) return undefined;
    const isExplicit = this.#isNext('version', 'tag-directive', 'document-start');
    this.#directives();
    if (isExplicit && !this.#skipIf('document-start')) this.#tokens.fail('did not find expected <document start>');
    const isEmpty = this.#isNext('version', 'tag-directive', 'document-start', 'document-end', 'stream-end');
    const root = isExplicit && isEmpty ? EMPTY : this.#node('block');
    this.#tokens.peek();
    return root;
  }

  #directives(): void {
    let version: string | undefined;
    for (let token = this.#tokens.peek(); ; token = this.#tokens.peek()) {
      if (token.kind === 'version') {
        if (version !== undefined) this.#tokens.fail('found duplicate %YAML directive');
        version = token.version;
        if (version !== '1.1') this.#tokens.fail('found incompatible YAML document');
      } else if (token.kind === 'tag-directive') {
        if (this.#handles.has(token.handle)) this.#tokens.fail('found duplicate %TAG directive');
        this.#handles.set(token.handle, token.prefix);
      } else break;
      this.#tokens.skip();
    }
    if (!this.#handles.has('!')) this.#handles.set('!', '!');
    if (!this.#handles.has('!!')) this.#handles.set('!!', YAML_TAG);
  }

  #isNext(...kinds: (Mark | 'version' | 'tag-directive')[]): boolean {
    return (kinds as string[]).includes(this.#tokens.peek().kind);
  }

  #skipIf(kind: Mark): boolean {
    const is = this.#tokens.peek().kind === kind;
    if (is) this.#tokens.skip();
    return is;
  }

  /** `block or list` stands where a list may begin without being indented. */
  #node(context: 'flow' | 'block' | 'block or list'): GoNode {
    const alias = this.#alias();
    if (alias !== undefined) return alias;
    const { anchor, tag } = this.#properties();
    const token = this.#tokens.peek();
    if (context === 'block or list' && token.kind === 'entry') return this.#sequence(anchor, this.#listItems);
    switch (token.kind) {
      case 'scalar':
        this.#tokens.skip();
        return this.#scalar(anchor, token.text, tag, token.plain);
      case '[':
        return this.#sequence(anchor, this.#flowItems);
      case '{':
        return this.#mapping(anchor, this.#flowPairs);
      case 'block-sequence':
        if (context !== 'flow') return this.#sequence(anchor, this.#blockItems);
        break;
      case 'block-mapping':
        if (context !== 'flow') return this.#mapping(anchor, this.#blockPairs);
        break;
    }
    if (anchor === '' && tag === '') this.#tokens.fail('did not find expected node content');
    return this.#anchored(anchor, { kind: 'scalar', text: '', tag, isImplicit: tag === '' });
  }

  #alias(): GoNode | undefined {
    const token = this.#tokens.peek();
    if (token.kind !== 'alias') return undefined;
    const { name } = token;
    const target = this.#anchors.get(name);
    this.#tokens.skip();
    return { kind: 'alias', name, target: target ?? this.#tokens.fail(`unknown anchor '${name}' referenced`) };
  }

  /** An anchor and a tag, in any order; empty where there is none. */
  #properties(): { anchor: string; tag: string } {
    let anchor = '';
    let tag = '';
    for (let seen = ''; ; ) {
      const token = this.#tokens.peek();
      if ((token.kind !== 'anchor' && token.kind !== 'tag') || seen.includes(token.kind)) return { anchor, tag };
      seen += token.kind;
      this.#tokens.skip();
      if (token.kind === 'anchor') anchor = token.name;
      else tag = this.#resolvedTag(token.handle, token.suffix);
    }
  }

  #resolvedTag(handle: string, suffix: string): string {
    if (handle === '') return suffix;
    const prefix = this.#handles.get(handle);
    return prefix === undefined ? this.#tokens.fail('found undefined tag handle') : prefix + suffix;
  }

  #anchored(anchor: string, node: GoNode): GoNode {
    if (anchor !== '') this.#anchors.set(anchor, node);
    return node;
  }

  #scalar(anchor: string, text: string, tag: string, plain: boolean): GoNode {
    return this.#anchored(anchor, { kind: 'scalar', text, tag, isImplicit: tag === '' ? plain : tag === '!' });
  }

  /** An alias within may name it already. */
  #sequence(anchor: string, read: (items: GoNode[]) => void): GoNode {
    const items: GoNode[] = [];
    const sequence = this.#anchored(anchor, { kind: 'sequence', items });
    read(items);
    return sequence;
  }

  #mapping(anchor: string, read: (pairs: [GoNode, GoNode][]) => void): GoNode {
    const pairs: [GoNode, GoNode][] = [];
    const mapping = this.#anchored(anchor, { kind: 'mapping', pairs });
    read(pairs);
    return mapping;
  }

  readonly #blockItems = (items: GoNode[]): void => {
    this.#tokens.skip();
    while (this.#skipIf('entry')) items.push(this.#isNext('entry', 'block-end') ? EMPTY : this.#node('block'));
    if (!this.#skipIf('block-end')) this.#tokens.fail("did not find expected '-' indicator");
  };

  readonly #listItems = (items: GoNode[]): void => {
    while (this.#skipIf('entry')) {
      items.push(this.#isNext('entry', 'key', 'value', 'block-end') ? EMPTY : this.#node('block'));
    }
  };

  readonly #blockPairs = (pairs: [GoNode, GoNode][]): void => {
    this.#tokens.skip();
    while (this.#skipIf('key')) {
      const key = this.#isNext('key', 'value', 'block-end') ? EMPTY : this.#node('block or list');
      const isEmpty = !this.#skipIf('value') || this.#isNext('key', 'value', 'block-end');
      pairs.push([key, isEmpty ? EMPTY : this.#node('block or list')]);
    }
    if (!this.#skipIf('block-end')) this.#tokens.fail('did not find expected key');
  };

  readonly #flowItems = (items: GoNode[]): void => {
    this.#tokens.skip();
    while (!this.#isNext(']')) {
      if (items.length > 0 && !this.#skipIf(',')) this.#tokens.fail("did not find expected ',' or ']'");
      if (this.#skipIf('key')) items.push(this.#singlePair());
      else if (!this.#isNext(']')) items.push(this.#node('flow'));
    }
    this.#tokens.skip();
  };

  /** `[a: b]` is a list of one mapping. */
  #singlePair(): GoNode {
    return this.#mapping('', (pairs) => {
      const isKeyEmpty = this.#isNext('value', ',', ']');
      // What stands where the key is missing is lost, the colon too. So does Go.
      if (isKeyEmpty) this.#tokens.skip();
      const key = isKeyEmpty ? EMPTY : this.#node('flow');
      const isEmpty = !this.#skipIf('value') || this.#isNext(',', ']');
      pairs.push([key, isEmpty ? EMPTY : this.#node('flow')]);
    });
  }

  readonly #flowPairs = (pairs: [GoNode, GoNode][]): void => {
    this.#tokens.skip();
    while (!this.#isNext('}')) {
      if (pairs.length > 0 && !this.#skipIf(',')) this.#tokens.fail("did not find expected ',' or '}'");
      if (this.#skipIf('key')) {
        const key = this.#isNext('value', ',', '}') ? EMPTY : this.#node('flow');
        const isEmpty = !this.#skipIf('value') || this.#isNext(',', '}');
        pairs.push([key, isEmpty ? EMPTY : this.#node('flow')]);
      } else if (!this.#isNext('}')) pairs.push([this.#node('flow'), EMPTY]);
    }
    this.#tokens.skip();
  };
}
