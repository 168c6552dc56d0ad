/**
 * The one class of operating failures. Refusals are values (`kernel/refusal.ts`); mistakes of a programmer are
 * assertions; what remains goes wrong outside of us and is thrown as this, by code.
 */

/**
 * Machine-readable causes. Listed with meaning and next step in docs/reference/errors.md.
 */
export type ErrorCode =
  | "store_unavailable"
  | "store_closed"
  | "store_unsafe"
  | "commit_unknown"
  | "journal_unavailable"
  | "seal_broken"
  | "key_wrong"
  | "key_unsafe"
  | "place_changed"
  | "config_invalid"
  | "policy_invalid"
  | "connection_unknown"
  | "connection_exists"
  | "connection_lost"
  | "connection_unavailable"
  | "consumer_unknown"
  | "draining"
  // what a client of the API meets besides
  | "request_invalid"
  | "api_key_wrong"
  | "server_unreachable";

export class KetenError extends Error {
  readonly code: ErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What an operator needs to know; never a secret. */
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly retryable?: boolean;
      readonly evidence?: KetenError["evidence"];
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "KetenError";
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.evidence = options.evidence ?? {};
  }
}
