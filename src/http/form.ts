/**
 * Form bodies. RFC 6749, appendix B
 *
 * 1. Repeated names stay visible as lists; the result has no prototype.
 * 2. Malformed percent-encoding, and encoded bytes that are no UTF-8, refuse the whole body: what would be guessed of
 *    them could be another token than the client meant.
 */

import { parse } from "node:querystring";
import type { FastifyInstance } from "fastify";
import type { Parameters } from "../issuer/request.ts";

/** Token requests are short; codes with a long scope are the longest part. */
export const FORM_BYTES_MAX = 32 * 1024;

const FORM_TYPE = "application/x-www-form-urlencoded";

/** A body that is no form. */
export class MalformedForm extends Error {
  readonly statusCode = 400;
}

/** @throws MalformedForm */
export function parseForm(text: string): Parameters {
  if (text.includes("%")) {
    try {
      // Encoded pieces are decoded one by one below; a piece is malformed only if the whole is.
      decodeURIComponent(text);
    } catch {
      throw new MalformedForm("malformed percent-encoding");
    }
  }
  return parse(text, "&", "=", { maxKeys: 0 });
}

/** Makes a Fastify scope read forms and nothing else. */
export function readForms(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    FORM_TYPE,
    { parseAs: "string", bodyLimit: FORM_BYTES_MAX },
    (_request, body, done) => {
      try {
        done(null, parseForm(body as string));
      } catch (error) {
        done(error as MalformedForm);
      }
    },
  );
}
