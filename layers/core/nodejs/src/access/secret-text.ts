const REDACTED = '[redacted]';

/**
 * A text that must not be seen. Every way in which a value gets printed by accident (`String()`, template literals, JSON,
 * `console.log`, `util.inspect`) shows `[redacted]`; only `reveal` gives the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the one call that hands it on, and nothing else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
