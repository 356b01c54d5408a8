// Which of the protections of cmake/hardening.cmake a compiled addon lacks, read off the file without its platform's tools.

/** What is missing, as sentences; none for a Mach-O file, whose system decides. */
export function unprotected(bytes) {
  if (bytes.toString("latin1", 0, 4) === "\x7fELF") return ofElf(bytes);
  if (bytes.toString("latin1", 0, 2) === "MZ") return ofPe(bytes);
  return [];
}

/** See elf(5); 64 bits, little-endian. */
function ofElf(bytes) {
  const [PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO] = [2, 0x6474e551, 0x6474e552];
  const [DT_FLAGS, DT_FLAGS_1, DF_BIND_NOW, DF_1_NOW, PF_X] = [30, 0x6ffffffb, 8, 1, 1];
  const segments = programHeaders(bytes);
  const segment = (type) => segments.find((header) => header.type === type);
  const dynamic = segment(PT_DYNAMIC);
  const flags = { [DT_FLAGS]: 0, [DT_FLAGS_1]: 0 };
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(bytes.readBigUInt64LE(at));
    if (tag in flags) flags[tag] = Number(bytes.readBigUInt64LE(at + 8));
  }
  const now = (flags[DT_FLAGS] & DF_BIND_NOW) !== 0 || (flags[DT_FLAGS_1] & DF_1_NOW) !== 0;
  const stack = segment(PT_GNU_STACK);
  const faults = [];
  if (segment(PT_GNU_RELRO) === undefined) faults.push("its tables stay writable (-z relro)");
  if (!now) faults.push("its imports are resolved lazily (-z now)");
  if (stack === undefined || (stack.flags & PF_X) !== 0) faults.push("its stack is executable (-z noexecstack)");
  if (!bytes.includes("\0__stack_chk_fail\0")) faults.push("it has no canaries on the stack (-fstack-protector-strong)");
  return faults;
}

function programHeaders(bytes) {
  const first = Number(bytes.readBigUInt64LE(32));
  const [size, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  return Array.from({ length: count }, (_, i) => {
    const at = first + i * size;
    const [type, flags] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    return { type, flags, offset: Number(bytes.readBigUInt64LE(at + 8)), size: Number(bytes.readBigUInt64LE(at + 32)) };
  });
}

/** See Microsoft's "PE Format". */
function ofPe(bytes) {
  const header = bytes.readUInt32LE(0x3c);
  const characteristics = bytes.readUInt16LE(header + 24 + 70);
  const wanted = { "--high-entropy-va": 0x20, "--dynamicbase": 0x40, "--nxcompat": 0x100 };
  return Object.entries(wanted)
    .filter(([, bit]) => (characteristics & bit) === 0)
    .map(([flag]) => `its header lacks ${flag}`);
}
