/** Uint8Arrays whose properties lie about what they hold, and objects that pretend to be Uint8Arrays. */

type Making = (text: string) => Uint8Array;

function having(properties: (length: number) => PropertyDescriptorMap): Making {
  return (text) => {
    const bytes = new Uint8Array(Buffer.from(text));
    return Object.defineProperties(bytes, properties(bytes.length));
  };
}

function growing(): PropertyDescriptor {
  let asked = 0;
  return { get: () => 20 * asked++ };
}

const boom = (): never => {
  throw new Error("a getter threw");
};

class Overridden extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return boom();
  }
  override get length(): number {
    return 50;
  }
  override get byteLength(): number {
    return 50;
  }
  override get byteOffset(): number {
    return 7;
  }
  override subarray(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(50);
  }
  override slice(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(50);
  }
  override [Symbol.iterator](): ArrayIterator<number> {
    return boom();
  }
}

/** Each holds `text`, and nothing else is to be sent. */
export const LYING_BYTES: Readonly<Record<string, Making>> = {
  "a length that is too large": having(() => ({ length: { value: 60 } })),
  "a length that is too small": having(() => ({ length: { value: 1 } })),
  "a length of 0": having(() => ({ length: { value: 0 } })),
  "a negative length": having(() => ({ length: { value: -1 } })),
  "a length that is huge": having(() => ({ length: { value: 2 ** 40 } })),
  "a length that is not a number": having(() => ({ length: { value: Number.NaN } })),
  "a length that is a text": having(() => ({ length: { value: "60" } })),
  "a length that throws": having(() => ({ length: { get: boom } })),
  "a length that grows": having(() => ({ length: growing() })),
  "a length that is right when first asked": having((length) => {
    let asked = 0;
    return { length: { get: () => (asked++ === 0 ? length : 60) } };
  }),
  "another byteLength, byteOffset and buffer": having(() => ({
    byteLength: { value: 60 },
    byteOffset: { value: 8 },
    buffer: { value: new ArrayBuffer(100) },
  })),
  "methods that throw": having(() =>
    Object.fromEntries(["subarray", "slice", "set", "copy", "fill", "toString"].map((name) => [name, { value: boom }])),
  ),
  "an iterator that throws": having(() => ({ [Symbol.iterator]: { value: boom } })),
  "a constructor that throws": having(() => ({ constructor: { get: boom } })),
  "a subclass that overrides everything": (text) => {
    const bytes = new Overridden(Buffer.byteLength(text));
    Uint8Array.prototype.set.call(bytes, Buffer.from(text));
    return bytes;
  },
  "no prototype": (text) => Object.setPrototypeOf(new Uint8Array(Buffer.from(text)), null) as Uint8Array,
  "the prototype of another kind of array": (text) =>
    Object.setPrototypeOf(new Uint8Array(Buffer.from(text)), Float64Array.prototype) as Uint8Array,
};

/** What is refused, since it holds no bytes. */
export const FAKE_BYTES: Readonly<Record<string, () => Uint8Array>> = {
  "a Proxy of a Uint8Array": () => new Proxy(new Uint8Array(8), {}),
  "an object with the prototype of Uint8Array": () =>
    Object.create(Uint8Array.prototype, { length: { value: 60 } }) as Uint8Array,
  "a Float64Array with the prototype of Uint8Array": () =>
    Object.setPrototypeOf(new Float64Array(8), Uint8Array.prototype) as Uint8Array,
};
