/**
 * The two forms of an authorization code: opaque with a mark, as samples show it, or a JWT, as one source calls it.
 *
 * The JWT is one by its form: a header and a payload that any reader can decode, and a third part that only we can. It
 * says nothing of the owner, because nothing but the third part is ours to read back. Whoever changes the form makes
 * the codes that are open unknown.
 */

import type { TokenShape } from "../../issuer/token-format.ts";
import type { ServerOptions } from "./switches.ts";

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The shape that is in force when it is read. */
export function codeShape(stamp: string, form: () => ServerOptions["codeForm"]): TokenShape {
  const opaque: TokenShape = { prefix: stamp, mark: { after: 4, text: "!IAAAA" } };
  const header = encoded({ typ: "JWT", alg: "HS256" });
  const payload = encoded({ iss: stamp.slice(0, -1), typ: "code" });
  const jwt: TokenShape = { prefix: `${header}.${payload}.` };
  const current = (): TokenShape => (form() === "jwt" ? jwt : opaque);
  return {
    get prefix() {
      return current().prefix;
    },
    get mark() {
      return current().mark;
    },
  } as TokenShape;
}
