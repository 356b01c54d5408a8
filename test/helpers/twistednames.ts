/**
 * Which public names of the Twisted modules that Skein covers have no export of the same name here.
 *
 * test/data/twisted-names.json lists the public functions, classes and methods of Twisted's modules. An interface `IThing`
 * has its counterpart in `Thing`, or in the type that INTERFACES names.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { COMPILER_OPTIONS } from "./compileroptions.ts";

const root = join(import.meta.dirname, "../..");

/** The modules that are covered, and the subpaths of the package that have their names. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  "internet.address": ["address"],
  "internet.defer": ["defer"],
  "internet.endpoints": ["endpoints"],
  "internet.epollreactor": ["epollreactor"],
  "internet.error": ["error", "defer"],
  "internet.interfaces": ["interfaces", "endpoints", "testing"],
  "internet.iocpreactor.reactor": ["iocpreactor"],
  "internet.kqreactor": ["kqreactor"],
  "internet.main": ["main"],
  "internet.pollreactor": ["pollreactor"],
  "internet.protocol": ["protocol"],
  "internet.selectreactor": ["selectreactor"],
  "internet.ssl": ["ssl"],
  "internet.task": ["task"],
  "internet.testing": ["testing"],
  "protocols.basic": ["protocols/basic"],
  "protocols.finger": ["protocols/finger"],
  "protocols.htb": ["protocols/htb"],
  "protocols.ident": ["protocols/ident"],
  "protocols.loopback": ["testing"],
  "protocols.memcache": ["protocols/memcache"],
  "protocols.policies": ["protocols/policies"],
  "protocols.portforward": ["protocols/portforward"],
  "protocols.socks": ["protocols/socks"],
  "protocols.stateful": ["protocols/stateful"],
  "protocols.tls": ["ssl"],
  "protocols.wire": ["protocols/wire"],
  "python.failure": ["failure"],
  "python.log": ["logger"],
};

/** Interfaces of Twisted whose counterpart is not called the same without the `I`. */
const INTERFACES: Readonly<Record<string, string>> = {
  IProtocol: "ProtocolLike",
  IProtocolFactory: "ServerFactoryLike",
  ITransport: "Transport",
  ITCPTransport: "Transport",
  IStreamServerEndpoint: "ServerEndpoint",
  IStreamClientEndpoint: "ClientEndpoint",
  IReactorPluggableNameResolver: "ReactorNames",
};

interface Names {
  readonly functions: readonly string[];
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

/** `module.Name` and `module.Class.method` of what has no export or member of the same name. */
export function namesWithoutCounterpart(): string[] {
  const twisted = JSON.parse(readFileSync(join(root, "test/data/twisted-names.json"), "utf8")) as Record<string, Names>;
  const entries = new Set(Object.values(MODULES).flat());
  const program = ts.createProgram([...entries].map(entryFile), COMPILER_OPTIONS);
  const checker = program.getTypeChecker();
  const exportsOf = (entry: string): Map<string, ts.Symbol> => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entryFile(entry))!)!;
    return new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, aliased(checker, symbol)]));
  };
  const offered = new Map([...entries].map((entry) => [entry, exportsOf(entry)]));
  const missing: string[] = [];
  for (const [module, subpaths] of Object.entries(MODULES)) {
    const { functions, classes } = twisted[module]!;
    const find = (name: string): ts.Symbol | undefined => {
      for (const candidate of [name, INTERFACES[name], /^I[A-Z]/.test(name) ? name.slice(1) : undefined]) {
        for (const subpath of subpaths) {
          const found = candidate === undefined ? undefined : offered.get(subpath)!.get(candidate);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    };
    for (const name of functions) if (find(name) === undefined) missing.push(`${module}.${name}`);
    for (const [name, methods] of Object.entries(classes)) {
      const found = find(name);
      if (found === undefined) {
        missing.push(`${module}.${name}`);
        continue;
      }
      const members = membersOf(checker, found);
      for (const method of methods) if (!members.has(method)) missing.push(`${module}.${name}.${method}`);
    }
  }
  return missing;
}

function entryFile(entry: string): string {
  return join(root, `src/entries/${entry}.ts`);
}

function aliased(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

/** The public members of a class or an interface, inherited and static ones included; of a function those of what it makes. */
function membersOf(checker: ts.TypeChecker, symbol: ts.Symbol): Set<string> {
  const types = [checker.getDeclaredTypeOfSymbol(symbol)];
  const declaration = symbol.valueDeclaration;
  if (declaration !== undefined) {
    const value = checker.getTypeOfSymbolAtLocation(symbol, declaration);
    types.push(value, ...value.getConstructSignatures().map((signature) => signature.getReturnType()));
  }
  const visible = types
    .flatMap((type) => checker.getPropertiesOfType(type))
    .filter((member) => {
      const flags = member.valueDeclaration === undefined ? 0 : ts.getCombinedModifierFlags(member.valueDeclaration);
      return (flags & ts.ModifierFlags.Private) === 0;
    });
  return new Set(visible.map(({ name }) => name));
}
