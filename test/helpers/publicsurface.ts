/**
 * Every parameter of the public functions, constructors and methods of all entry points, with those of a list of wrong
 * values that its declared type refuses: so that a test of wrong arguments covers new API by itself.
 */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import { COMPILER_OPTIONS } from "./compileroptions.ts";
import { WRONG_VALUES } from "./wrongvalues.ts";

const root = join(import.meta.dirname, "../..");
const entries = join(root, "src/entries");

const CALLABLE: ReadonlySet<string> = new Set(["a function", "an async function", "a class"]);

/** One parameter of the public surface. */
export interface PublicParameter {
  /** `function`, `Class.method`, or `new Class`; `module.function` when an earlier module exports another of that name. */
  readonly callee: string;
  readonly position: number;
  readonly name: string;
  readonly optional: boolean;
  /** Keys of WRONG_VALUES that are not assignable to the declared type. */
  readonly refused: readonly string[];
  /** Names of the options, when it is an object of options. */
  readonly options: readonly { readonly name: string; readonly refused: readonly string[] }[];
}

/** Every parameter, in the order of its callee's name. */
export function publicParameters(): PublicParameter[] {
  const files = readdirSync(entries, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("install"))
    .map((file) => join(entries, file))
    .sort();
  const values = join(import.meta.dirname, "wrongvalues.ts");
  const program = ts.createProgram([...files, values], COMPILER_OPTIONS);
  const checker = program.getTypeChecker();
  const wrong = wrongTypes(checker, program.getSourceFile(values)!);
  const found = new Map<string, PublicParameter>();
  const named = new Map<string, ts.Symbol>();
  const refusedBy = (type: ts.Type): string[] => {
    if ((type.flags & ts.TypeFlags.TypeParameter) !== 0) return []; // anything may come for it
    // A function's type parameters cannot be compared, and a class is told from a function by no typeof.
    const takesFunctions = checker.getNonNullableType(type).getCallSignatures().length > 0;
    return [...wrong]
      .filter(([key, value]) => !(takesFunctions && CALLABLE.has(key)) && !checker.isTypeAssignableTo(value, type))
      .map(([key]) => key);
  };

  const addSignatures = (callee: string, signatures: readonly ts.Signature[]): void => {
    for (const signature of signatures) {
      signature.getParameters().forEach((parameter, position) => {
        const declaration = parameter.valueDeclaration as ts.ParameterDeclaration | undefined;
        if (declaration === undefined || declaration.dotDotDotToken !== undefined) return;
        const type = constraintOf(checker, checker.getTypeOfSymbol(parameter));
        const optional = declaration.questionToken !== undefined || declaration.initializer !== undefined;
        const accepted = optional ? checker.getNonNullableType(type) : type;
        const key = `${callee}#${position}`;
        const before = found.get(key);
        const takesNull = checker.isTypeAssignableTo(wrong.get("null")!, type);
        let refused = refusedBy(accepted).filter(
          (value) => !(optional && (value === "undefined" || (takesNull && value === "null"))),
        );
        // Overloads: what one of them takes is no wrong value.
        if (before !== undefined) refused = refused.filter((value) => before.refused.includes(value));
        const options = /options$/i.test(parameter.name)
          ? checker.getPropertiesOfType(accepted).map((option) => ({
              name: option.name,
              refused: refusedBy(checker.getTypeOfSymbol(option)).filter((value) => value !== "undefined"),
            }))
          : [];
        found.set(key, { callee, position, name: parameter.name, optional, refused, options });
      });
    }
  };

  for (const file of files) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = (exported.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(exported) : exported;
      const declaration = symbol.valueDeclaration;
      if (declaration === undefined) continue; // a type
      const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
      const first = named.get(exported.name) ?? symbol;
      named.set(exported.name, first);
      const own = first === symbol;
      addSignatures(own ? exported.name : `${basename(file, ".ts")}.${exported.name}`, type.getCallSignatures());
      if ((symbol.flags & ts.SymbolFlags.Class) === 0) continue;
      // A class that is exported as a type only cannot be constructed or extended.
      if (!exported.declarations!.some(ts.isTypeOnlyExportDeclaration)) {
        addSignatures(`new ${exported.name}`, type.getConstructSignatures());
      }
      for (const member of checker.getPropertiesOfType(type)) addMember(`${exported.name}.`, member);
      for (const member of checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))) {
        addMember(`${exported.name}.`, member);
      }
    }
  }

  function addMember(prefix: string, member: ts.Symbol): void {
    const { valueDeclaration } = member;
    if (valueDeclaration === undefined || !ts.isMethodDeclaration(valueDeclaration)) return;
    if (ts.isPrivateIdentifier(valueDeclaration.name)) return;
    // Under a symbol that only Skein has.
    if (member.name.startsWith("__@")) return;
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    if ((ts.getCombinedModifierFlags(valueDeclaration) & hidden) !== 0) return;
    if (!valueDeclaration.getSourceFile().fileName.startsWith(join(root, "src"))) return;
    // An inherited method is its class's: one entry for all that inherit it.
    const owner = (valueDeclaration.parent as ts.ClassDeclaration).name?.text;
    addSignatures(
      owner === undefined ? `${prefix}${member.name}` : `${owner}.${member.name}`,
      checker.getTypeOfSymbol(member).getCallSignatures(),
    );
  }

  return [...found.values()].sort((a, b) => (a.callee < b.callee ? -1 : a.callee > b.callee ? 1 : 0));
}

/** Of a type parameter what it extends: that is what is known of its values. */
function constraintOf(checker: ts.TypeChecker, type: ts.Type): ts.Type {
  return (type.flags & ts.TypeFlags.TypeParameter) === 0 ? type : (checker.getBaseConstraintOfType(type) ?? type);
}

function wrongTypes(checker: ts.TypeChecker, source: ts.SourceFile): Map<string, ts.Type> {
  const module = checker.getSymbolAtLocation(source)!;
  const list = checker.getExportsOfModule(module).find(({ name }) => name === "WRONG_VALUES")!;
  const type = checker.getTypeOfSymbolAtLocation(list, list.valueDeclaration!);
  const keys = new Set(Object.keys(WRONG_VALUES));
  return new Map(
    checker
      .getPropertiesOfType(type)
      .filter(({ name }) => keys.has(name))
      .map((property) => [property.name, checker.getTypeOfSymbol(property)]),
  );
}
