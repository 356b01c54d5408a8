/** The lines of a file of the system, some at a time, so that a long file does not block the process. */
import { type FileHandle, open } from "node:fs/promises";

const CHUNK_BYTES = 65_536;

/** How much of a file is read, in bytes: 100,000 connections, or 200,000 users. */
export const FILE_MAX = 16 * 1024 * 1024;

/**
 * Call `take` with each complete line of the file.
 * @returns whether it was read to its end: no more than `most` bytes are read
 */
export async function eachLine(path: string, take: (line: string) => void, most = FILE_MAX): Promise<boolean> {
  const file = await open(path, "r");
  try {
    return await eachLineOf(file, take, most);
  } finally {
    await file.close();
  }
}

async function eachLineOf(file: FileHandle, take: (line: string) => void, most: number): Promise<boolean> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let rest = "";
  for (let total = 0; total < most; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(CHUNK_BYTES, most - total));
    if (bytesRead === 0) {
      if (rest !== "") take(rest);
      return true;
    }
    total += bytesRead;
    const lines = (rest + chunk.toString("latin1", 0, bytesRead)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
  return false;
}
