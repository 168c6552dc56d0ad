/** Every program, in the order of the tables. */

import { badgatewayClientProgram, badgatewayFetchProgram } from "./badgateway-programs.ts";
import type { ClientProgram } from "./client-program.ts";
import { googleKeptProgram, googlePerJobProgram } from "./google-auth-library-programs.ts";
import { oauth4webapiProgram } from "./oauth4webapi-program.ts";
import { openidClientProgram } from "./openid-client-program.ts";
import { simpleOauth2Program } from "./simple-oauth2-program.ts";

export const PROGRAMS: readonly ClientProgram[] = [
  oauth4webapiProgram,
  openidClientProgram,
  simpleOauth2Program,
  googlePerJobProgram,
  googleKeptProgram,
  badgatewayClientProgram,
  badgatewayFetchProgram,
];
