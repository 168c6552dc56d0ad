/** The little of node-oidc-provider that the bench and the conformance checks use; the package brings no types. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  interface Model {
    save(): Promise<string>;
  }

  export interface Adapter {
    upsert(id: string, payload: object, expiresIn: number): Promise<void>;
    find(id: string): Promise<object | undefined>;
    findByUserCode(userCode: string): Promise<object | undefined>;
    findByUid(uid: string): Promise<object | undefined>;
    consume(id: string): Promise<void>;
    destroy(id: string): Promise<void>;
    revokeByGrantId(grantId: string): Promise<void>;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly Grant: new (
      properties: object,
    ) => Model & { addOIDCScope(scope: string): void };
    readonly RefreshToken: new (
      properties: object,
    ) => Model;
    readonly AuthorizationCode: new (
      properties: object,
    ) => Model;
    readonly Client: { find(id: string): Promise<object | undefined> };
    callback(): RequestListener;
  }
}
