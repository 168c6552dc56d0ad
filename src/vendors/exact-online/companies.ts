/**
 * Companies, called divisions by the vendor, and what is in them: made from their numbers, so that every run tells the
 * same and nothing of it is anybody's.
 *
 * 1. A customer is an account's tenant and has three companies; accounts without a tenant share those of a demo customer.
 * 2. There is enough in a company that a client must turn pages.
 */

import { hash } from "node:crypto";
import { guidOf } from "../../env/guid.ts";

export interface Company {
  readonly division: number;
  readonly name: string;
  readonly customer: string;
}

/** A record as the API tells it. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

const NAMES = ["Verkoop", "Inkoop", "Beheer"] as const;
const DIVISION_FIRST = 100_000;
const CUSTOMERS_MAX = 900_000 / 10;
const DEMO_CUSTOMER = "Voorbeeld";

/** The companies of a customer, by its name. */
export function companiesOf(tenant: string | null): readonly Company[] {
  const customer = tenant ?? DEMO_CUSTOMER;
  const first =
    DIVISION_FIRST + 10 * (digest(["customer", customer]).readUInt32BE() % CUSTOMERS_MAX);
  return NAMES.map((name, i) => ({ division: first + i, name: `${customer} ${name}`, customer }));
}

const digest = (parts: readonly (string | number)[]): Buffer =>
  hash("sha256", JSON.stringify(parts), "buffer");

/** The GUID that something always has. */
export const idOf = (...parts: readonly (string | number)[]): string => guidOf(digest(parts));

export const divisionRow = ({ division, name, customer }: Company): Row => ({
  Code: division,
  HID: String(division),
  Description: name,
  Customer: idOf("customer", customer),
  CustomerName: customer,
  Country: "NL",
  Currency: "EUR",
  Status: 1,
  Main: name.endsWith(NAMES[0]),
});

const ACCOUNTS = 135;
const ITEMS = 75;
const PLACES = ["Assen", "Breda", "Delft", "Emmen", "Gouda", "Zwolle"] as const;

const each = (count: number, row: (index: number) => Row): readonly Row[] =>
  Array.from({ length: count }, (_, index) => row(index));

export const accountRows = (division: number): readonly Row[] =>
  each(ACCOUNTS, (index) => ({
    ID: idOf("account", division, index),
    Division: division,
    Code: String(index + 1).padStart(18),
    Name: `Relatie ${index + 1}`,
    City: PLACES[index % PLACES.length] ?? null,
    Country: "NL",
    IsSupplier: index % 5 === 0,
    Status: "C",
  }));

export const itemRows = (division: number): readonly Row[] =>
  each(ITEMS, (index) => ({
    ID: idOf("item", division, index),
    Division: division,
    Code: `ART-${String(index + 1).padStart(4, "0")}`,
    Description: `Artikel ${index + 1}`,
    IsSalesItem: true,
    Unit: "stuk",
    CostPriceStandard: 100 + index,
  }));
