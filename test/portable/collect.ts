/** The tests of a file as they are declared, group by group: what `describe`, `test` and the hooks leave behind. */

/** What a hook or a test is given. */
export interface Context {
  readonly task: {
    readonly name: string;
    readonly suite?: Group | undefined;
    readonly file: { readonly name: string };
  };
  /** End the test here, without a result. */
  skip(reason?: string): never;
}

export type Hook = (context: Context) => unknown;

export interface Test {
  readonly name: string;
  readonly group: Group;
  readonly body: (context: Context) => unknown;
  readonly skipped: boolean;
}

export class Group {
  readonly name: string;
  readonly parent: Group | undefined;
  readonly members: (Group | Test)[] = [];
  readonly beforeAll: Hook[] = [];
  readonly afterAll: Hook[] = [];
  readonly beforeEach: Hook[] = [];
  readonly afterEach: Hook[] = [];

  constructor(name: string, parent?: Group) {
    this.name = name;
    this.parent = parent;
  }

  /** The group around it, as vitest calls it; the file is none. */
  get suite(): Group | undefined {
    return this.parent?.parent === undefined ? undefined : this.parent;
  }

  /** From the outermost to this one. */
  get path(): Group[] {
    return this.parent === undefined ? [this] : [...this.parent.path, this];
  }
}

let current: Group | undefined;

/** The group that is being declared. */
export function declaring(): Group {
  if (current === undefined) throw new Error("Tests are declared while their file is loaded.");
  return current;
}

/** Have `body` declare what stands in `group`. */
export function declare(group: Group, body: () => void): void {
  const outer = current;
  current = group;
  try {
    body();
  } finally {
    current = outer;
  }
}

/** The tests of a file; `load` evaluates it. */
export async function collect(name: string, load: () => Promise<unknown>): Promise<Group> {
  const root = new Group(name);
  current = root;
  try {
    await load();
  } finally {
    current = undefined;
  }
  return root;
}
