/**
 * A remote's answer in its three forms: as received (bytes), as journaled (one sealed block) and as handed on for
 * classification (`RawAnswer`). The bytes go to disk as they came; decoding them is done afterwards and can be done
 * again, so a mistake in it costs no token.
 */

import { brotliDecompressSync, constants, unzipSync } from "node:zlib";
import type { RawAnswer } from "../env/exchange.ts";
import type { ReceivedAnswer } from "../env/http-post.ts";
import { Secret } from "../env/secret.ts";

/** The attempt an answer belongs to. */
export interface AnswerIds {
  readonly chainId: string;
  readonly attemptId: string;
}

/** A compressed body may not grow beyond this; a larger one is handed on as it came. */
const UNPACKED_BYTES_MAX = 8 * 1024 * 1024;

const HEAD_LENGTH_BYTES = 4;

/** Writes an answer as one block: the length of its head, its head as JSON, its body. */
export function encodeAnswer(answer: ReceivedAnswer): Buffer {
  const { body, ...head } = answer;
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(HEAD_LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, body]);
}

/** The inverse of `encodeAnswer`, for blocks whose seal was good. */
export function decodeAnswer(block: Buffer): ReceivedAnswer {
  const bodyAt = HEAD_LENGTH_BYTES + block.readUInt32BE(0);
  const head = JSON.parse(block.toString("utf8", HEAD_LENGTH_BYTES, bodyAt)) as Omit<
    ReceivedAnswer,
    "body"
  >;
  return { ...head, body: block.subarray(bodyAt) };
}

/**
 * Decodes an answer for classification. A body whose compression is broken or too large is handed on as text of what
 * came, incomplete: the token may still be in it. We ask for no compression; some servers use it all the same.
 */
export function rawAnswerOf(ids: AnswerIds, answer: ReceivedAnswer): RawAnswer {
  const { status, headers } = answer;
  const unpacked = unpack(answer.body, headers["content-encoding"]);
  return {
    chainId: ids.chainId,
    attemptId: ids.attemptId,
    status,
    headers,
    body: new Secret(new TextDecoder().decode(unpacked ?? answer.body)),
    complete: answer.complete && unpacked !== undefined,
  };
}

function unpack(body: Uint8Array, encoding = "identity"): Uint8Array | undefined {
  // With these flushes a cut body gives all that can be read of it.
  const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH } = constants;
  const limit = { maxOutputLength: UNPACKED_BYTES_MAX };
  try {
    switch (encoding.trim().toLowerCase()) {
      case "identity":
      case "":
        return body;
      case "gzip":
      case "x-gzip":
      case "deflate":
        return unzipSync(body, { ...limit, finishFlush: Z_SYNC_FLUSH });
      case "br":
        return brotliDecompressSync(body, { ...limit, finishFlush: BROTLI_OPERATION_FLUSH });
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}
