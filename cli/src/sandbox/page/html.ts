/** Text that is HTML already: made by {@link html} alone, so that nothing gets in unescaped. */
export class Html {
  readonly text: string;

  /** @internal */
  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text is escaped, HTML is not, lists are joined, `undefined` is nothing. */
export type Content = string | number | Html | undefined | readonly Content[];

/**
 * A piece of HTML. Whatever is put in is escaped for text and for attributes in double quotes, unless it was made by this tag.
 * @see https://html.spec.whatwg.org/multipage/parsing.html#escapingString
 */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(
    strings.map((text, index) => text + (index < contents.length ? textOf(contents[index]) : '')).join(''),
  );
}

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'number') return String(content);
  if (typeof content === 'string') return content.replace(/[&<>"']/g, (found) => ENTITIES[found]!);
  return content.map(textOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
