/**
 * Secrets as a type: a value that shows itself nowhere. String, JSON and inspect forms are redacted, so a token
 * cannot slip into a log line, an error or a snapshot; `reveal` is the one way out and easy to search for.
 */

const REDACTED = "[secret]";

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Every call of this is a place to look at in a review. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}
