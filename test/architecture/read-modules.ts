import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** What the rules need to know of one source file. Paths are relative to the repository, with slashes. */
export interface SourceModule {
  path: string;
  lines: number;
  imports: ImportedModule[];
  /** Reads `process.env`, in whatever spelling. */
  readsEnvironment: boolean;
  callsExit: boolean;
  hasDefaultExport: boolean;
  classNames: string[];
}

/** An import, type-only or not: of a file of ours, or of a package. */
export type ImportedModule =
  { kind: 'ours'; specifier: string; path: string } | { kind: 'package'; specifier: string; name: string };

/** Every TypeScript file of the packages and tests. */
export function readModules(root: string): SourceModule[] {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/src`);
  return [...packages, 'test']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => listFiles(root, folder))
    .map((path) => parseModule(path, readFileSync(join(root, path), 'utf8')));
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listFiles(root, path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

/** Parses one file. */
export function parseModule(path: string, text: string): SourceModule {
  const module: SourceModule = {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports: [],
    readsEnvironment: false,
    callsExit: false,
    hasDefaultExport: false,
    classNames: [],
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext), module);
  return module;
}

function visit(node: ts.Node, module: SourceModule): void {
  const specifier = importedSpecifier(node);
  if (specifier !== null) module.imports.push(resolveImport(module.path, specifier));
  if (isMemberOfProcess(node, 'env') || importsEnv(node)) module.readsEnvironment = true;
  if (isMemberOfProcess(node, 'exit')) module.callsExit = true;
  if (ts.isExportAssignment(node)) module.hasDefaultExport = true;
  if (ts.canHaveModifiers(node)) {
    const modifiers = ts.getModifiers(node) ?? [];
    if (modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)) {
      module.hasDefaultExport = true;
    }
  }
  if (ts.isClassDeclaration(node) && node.name) module.classNames.push(node.name.text);
  ts.forEachChild(node, (child) => visit(child, module));
}

function importedSpecifier(node: ts.Node): string | null {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
    return textOf(node.moduleSpecifier);
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return textOf(node.arguments[0]);
  }
  return null;
}

function textOf(node: ts.Node | undefined): string | null {
  return node && ts.isStringLiteralLike(node) ? node.text : null;
}

function isMemberOfProcess(node: ts.Node, name: string): boolean {
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === name;
  if (ts.isElementAccessExpression(node)) {
    return isProcess(node.expression) && textOf(node.argumentExpression) === name;
  }
  // const { env } = process
  if (!ts.isVariableDeclaration(node) || !node.initializer || !isProcess(node.initializer)) return false;
  if (!ts.isObjectBindingPattern(node.name)) return false;
  return node.name.elements.some((element) => boundName(element) === name);
}

function boundName(element: ts.BindingElement): string {
  const name = element.propertyName ?? element.name;
  return ts.isIdentifier(name) ? name.text : '';
}

function isProcess(node: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'process';
  return ts.isIdentifier(node) && node.text === 'process';
}

function importsEnv(node: ts.Node): boolean {
  if (!ts.isImportDeclaration(node)) return false;
  if (!/^(node:)?process$/.test(textOf(node.moduleSpecifier) ?? '')) return false;
  const bindings = node.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.some((element) => (element.propertyName ?? element.name).text === 'env');
}

function resolveImport(from: string, specifier: string): ImportedModule {
  if (specifier.startsWith('.')) {
    return { kind: 'ours', specifier, path: posix.join(posix.dirname(from), specifier) };
  }
  const [scope = '', second = '', ...rest] = specifier.split('/');
  if (scope === '@fermata') {
    const inside = rest.length > 0 ? rest.join('/') : 'index.ts';
    return { kind: 'ours', specifier, path: `packages/${second}/src/${inside}` };
  }
  const name = scope.startsWith('@') ? `${scope}/${second}` : scope;
  return { kind: 'package', specifier, name };
}
