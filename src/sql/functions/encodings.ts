// Text in other character encodings, as bytes: convert, convert_from and convert_to.

import { stringToUtf8, utf8ToStringStrict } from "#core";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";

/** Text of bytes and back; undefined where a byte or a character has no counterpart. */
interface Encoding {
  readonly name: string;
  readonly decode: (bytes: Uint8Array) => string | undefined;
  readonly encode: (text: string) => Uint8Array | undefined;
}

const UTF8: Encoding = { name: "UTF8", decode: utf8ToStringStrict, encode: stringToUtf8 };

/** PostgreSQL's names of encodings of one byte a character, with the platform's. */
const SINGLE_BYTE: Readonly<Record<string, string>> = {
  LATIN2: "iso-8859-2",
  LATIN3: "iso-8859-3",
  LATIN4: "iso-8859-4",
  LATIN6: "iso-8859-10",
  LATIN7: "iso-8859-13",
  LATIN8: "iso-8859-14",
  LATIN9: "iso-8859-15",
  LATIN10: "iso-8859-16",
  ISO88595: "iso-8859-5",
  ISO88596: "iso-8859-6",
  ISO88597: "iso-8859-7",
  ISO88598: "iso-8859-8",
  WIN866: "ibm866",
  WIN874: "windows-874",
  WIN1250: "windows-1250",
  WIN1251: "windows-1251",
  WIN1252: "windows-1252",
  WIN1253: "windows-1253",
  WIN1254: "windows-1254",
  WIN1255: "windows-1255",
  WIN1256: "windows-1256",
  WIN1257: "windows-1257",
  WIN1258: "windows-1258",
  KOI8R: "koi8-r",
  KOI8U: "koi8-u",
};
const OTHER_NAMES: Readonly<Record<string, string>> = {
  UNICODE: "UTF8",
  ISO88591: "LATIN1",
  ISO88592: "LATIN2",
  ISO88593: "LATIN3",
  ISO88594: "LATIN4",
  ISO885910: "LATIN6",
  ISO885913: "LATIN7",
  ISO885914: "LATIN8",
  ISO885915: "LATIN9",
  ISO885916: "LATIN10",
  WINDOWS1250: "WIN1250",
  WINDOWS1251: "WIN1251",
  WINDOWS1252: "WIN1252",
  KOI8: "KOI8R",
  ALT: "WIN866",
};

/** Encodings by their normalized names, made when first asked for. */
const known = new Map<string, Encoding>([["UTF8", UTF8]]);

/** The encoding of a table with the character of each byte. */
function tableEncoding(name: string, characters: readonly (string | undefined)[]): Encoding {
  const bytes = new Map(characters.map((character, byte) => [character, byte] as const));
  return {
    name,
    decode: (source) => {
      const parts = Array.from(source, (byte) => characters[byte]);
      return parts.includes(undefined) ? undefined : parts.join("");
    },
    encode: (text) => {
      const codes = Array.from(text, (character) => bytes.get(character) ?? -1);
      return codes.includes(-1) ? undefined : Uint8Array.from(codes);
    },
  };
}

function encodingOf(written: string, role: "source" | "destination"): Encoding {
  const plain = written.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
  const name = OTHER_NAMES[plain] ?? plain;
  const found = known.get(name);
  if (found !== undefined) return found;
  const label = SINGLE_BYTE[name];
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  let characters: (string | undefined)[];
  if (name === "LATIN1") characters = bytes.map((byte) => String.fromCharCode(byte));
  else if (name === "SQLASCII") characters = bytes.map((byte) => (byte < 128 ? String.fromCharCode(byte) : undefined));
  else if (label === undefined) throw runtimeError(`invalid ${role} encoding name "${written}"`);
  else {
    const decoder = new TextDecoder(label);
    const isWindows = name.startsWith("WIN");
    characters = bytes.map((byte) => {
      const character = decoder.decode(Uint8Array.of(byte));
      // The platform gives bytes without a character as control characters.
      const isFilled = isWindows && byte >= 0x80 && character.charCodeAt(0) < 0xa0;
      return isFilled || character === "\ufffd" ? undefined : character;
    });
  }
  const made = tableEncoding(name, characters);
  known.set(name, made);
  return made;
}

function decodeBytes(bytes: Uint8Array, encoding: Encoding): string {
  const text = encoding.decode(bytes);
  if (text === undefined) throw runtimeError(`invalid byte sequence for encoding "${encoding.name}"`);
  return text;
}

function encodeText(text: string, encoding: Encoding): Uint8Array {
  const bytes = encoding.encode(text);
  if (bytes !== undefined) return bytes;
  throw runtimeError(`a character of the text has no equivalent in encoding "${encoding.name}"`);
}

/** Adds conversions between encodings, and what asks about characters. */
export function defineEncodings({ define, alias }: FunctionCatalog): void {
  define("convert_from", "bytea, text -> text", (bytes: Uint8Array, name: string) =>
    decodeBytes(bytes, encodingOf(name, "source")),
  );
  define("convert_to", "text, text -> bytea", (text: string, name: string) =>
    encodeText(text, encodingOf(name, "destination")),
  );
  define("convert", "bytea, text, text -> bytea", (bytes: Uint8Array, source: string, destination: string) =>
    encodeText(decodeBytes(bytes, encodingOf(source, "source")), encodingOf(destination, "destination")),
  );
  define("length", "bytea, text -> int4", (bytes: Uint8Array, name: string) => {
    return Array.from(decodeBytes(bytes, encodingOf(name, "source"))).length;
  });
  define("unicode_assigned", "text -> bool", (text: string) => !/\p{Cn}/u.test(text), { safe: true });
  define("getdatabaseencoding", "-> text", () => "UTF8", { safe: true });
  alias("getdatabaseencoding", "pg_client_encoding");
}
