/** Distinguished names: whom a certificate is about. RFC 5280, 4.1.2.4. */
import { check, checkOptions, type OptionKinds } from "../arguments/check.ts";
import { byteArray, text } from "../arguments/kinds.ts";
import { dotted, element, elements, oid, sequence, set, TAG, utf8 } from "./der.ts";

/** The parts of a name, under Twisted's names. */
export interface DNParts {
  readonly commonName?: string;
  readonly organizationName?: string;
  readonly organizationalUnitName?: string;
  readonly localityName?: string;
  readonly stateOrProvinceName?: string;
  readonly countryName?: string;
  readonly emailAddress?: string;
}

/** In the order in which they are written. RFC 4519; RFC 2985, 5.2.1. */
const OIDS: Readonly<Record<keyof DNParts, string>> = {
  countryName: "2.5.4.6",
  stateOrProvinceName: "2.5.4.8",
  localityName: "2.5.4.7",
  organizationName: "2.5.4.10",
  organizationalUnitName: "2.5.4.11",
  commonName: "2.5.4.3",
  emailAddress: "1.2.840.113549.1.9.1",
};
const PARTS = Object.keys(OIDS) as (keyof DNParts)[];
const KINDS = Object.fromEntries(PARTS.map((part) => [part, text])) as unknown as OptionKinds<DNParts>;

/** A distinguished name. */
export class DistinguishedName implements DNParts {
  readonly commonName?: string;
  readonly organizationName?: string;
  readonly organizationalUnitName?: string;
  readonly localityName?: string;
  readonly stateOrProvinceName?: string;
  readonly countryName?: string;
  readonly emailAddress?: string;

  /** @throws TypeError for a part that is no string, or is none of these */
  constructor(parts: DNParts = {}) {
    Object.assign(this, checkOptions<DNParts>(`new ${new.target.name}(parts)`, parts, KINDS));
  }

  /** Of DER, without parts that have no name here. @throws RangeError for what is no DER */
  static fromDER(der: Uint8Array): DistinguishedName {
    check("DistinguishedName.fromDER(der)", "der", der, byteArray);
    const parts: Record<string, string> = {};
    const [name] = elements(Buffer.from(der.buffer, der.byteOffset, der.byteLength));
    for (const { contents } of elements(name?.contents ?? Buffer.alloc(0))) {
      for (const attribute of elements(contents)) {
        const [type, value] = elements(attribute.contents);
        const part = PARTS.find((one) => OIDS[one] === dotted(type?.contents ?? Buffer.alloc(0)));
        if (part !== undefined && value !== undefined) parts[part] = value.contents.toString("utf8");
      }
    }
    return new DistinguishedName(parts);
  }

  toDER(): Buffer {
    const given = PARTS.filter((part) => this[part] !== undefined);
    return sequence(
      ...given.map((part) => {
        const value = this[part]!;
        // Two letters, and mail addresses, have types of their own.
        const written =
          part === "countryName"
            ? element(TAG.PRINTABLE_STRING, Buffer.from(value))
            : part === "emailAddress"
              ? element(TAG.IA5_STRING, Buffer.from(value))
              : utf8(value);
        return set(sequence(oid(OIDS[part]), written));
      }),
    );
  }

  /** Each part on a line. */
  inspect(): string {
    return PARTS.filter((part) => this[part] !== undefined)
      .map((part) => `${part}: ${this[part]}`)
      .join("\n");
  }

  toString(): string {
    const given = PARTS.filter((part) => this[part] !== undefined);
    return `<DN ${given.map((part) => `${part}=${JSON.stringify(this[part])}`).join(" ")}>`;
  }
}

/** The name that it is known by. */
export const DN = DistinguishedName;
export type DN = DistinguishedName;
