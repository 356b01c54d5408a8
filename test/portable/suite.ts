/** The files of the suite, by name. The bundler puts them in: here there are none. */
export const files: Readonly<Record<string, () => Promise<unknown>>> = {};
