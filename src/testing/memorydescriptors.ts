/** The part of a MemoryReactor that records readers and writers. */
import { ensureReader, ensureWriter } from "../internet/arguments/reactors.ts";
import type { ReactorFDSet, ReadDescriptor, WriteDescriptor } from "../internet/interfaces.ts";

/** Records readers and writers; a test calls doRead() and doWrite() itself. */
export class MemoryDescriptors implements ReactorFDSet {
  /** The readers and writers that were added and not removed. */
  readonly readers = new Set<ReadDescriptor>();
  readonly writers = new Set<WriteDescriptor>();

  addReader(reader: ReadDescriptor): void {
    ensureReader(reader);
    this.readers.add(reader);
  }

  addWriter(writer: WriteDescriptor): void {
    ensureWriter(writer);
    this.writers.add(writer);
  }

  removeReader(reader: ReadDescriptor): void {
    this.readers.delete(reader);
  }

  removeWriter(writer: WriteDescriptor): void {
    this.writers.delete(writer);
  }

  removeAll(): (ReadDescriptor | WriteDescriptor)[] {
    const all = new Set([...this.readers, ...this.writers]);
    this.readers.clear();
    this.writers.clear();
    return [...all];
  }

  getReaders(): ReadDescriptor[] {
    return [...this.readers];
  }

  getWriters(): WriteDescriptor[] {
    return [...this.writers];
  }
}
