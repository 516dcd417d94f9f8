import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Literal, type Tokens, tokenize } from './tokens.ts';

/** A file by its path below the project's root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What each folder of `src` may import beside itself. `main.ts` wires and may import everything. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  protocols: ['core'],
  catalogue: ['core'],
  policy: ['core'],
  routing: ['core', 'catalogue'],
  gateway: ['core', 'protocols', 'catalogue', 'routing', 'policy'],
  ledger: ['core'],
  config: ['core', 'catalogue', 'routing', 'policy'],
  control: ['core', 'config', 'ledger', 'gateway'],
  launcher: ['core', 'control'],
  tui: ['core', 'control'],
  cli: ['core', 'control', 'launcher'],
  sandbox: ['core', 'protocols'],
  demo: ['core', 'control', 'launcher', 'sandbox'],
  drill: ['core', 'routing', 'gateway', 'sandbox'],
};

const PURE = new Set(['core', 'protocols', 'catalogue', 'policy', 'routing']);
const IMPURE_MODULES =
  /^(?:node:)?(?:fs|net|http|https|http2|tls|dns|child_process|worker_threads|timers|sqlite)(?:\/|$)/;
/** Clients of HTTP and of databases: transport and storage are chosen in one place each. */
const CLIENT_PACKAGES =
  /^(?:axios|got|ky|node-fetch|undici|kysely|pg|ioredis|better-sqlite3|ws|openai|@anthropic-ai\/sdk)(?:\/|$)/;
/** Reading the clock or chance in a pure layer; both are parameters there. */
const IMPURE_CALLS =
  /\bnew Date\(\s*\)|\b(?:Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate)\b/g;
const ENVIRONMENT_READERS = new Set(['config', 'launcher']);
const FORBIDDEN_FOLDERS = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'lib']);
const MAX_LINES = 500;
/** Ids that are also words of protocols, of the sandbox's own layer or of plain English. */
const AMBIGUOUS_NAMES = new Set(['anthropic', 'openai', 'sandbox', 'together', 'hf']);

/** Names that belong to the catalogue: provider ids and the variables that hold their keys. */
export interface CatalogueNames {
  readonly ids: readonly string[];
  readonly keyVariables: readonly string[];
  /** Values of declared quirks: a format or dialect may be named after the one who invented it. */
  readonly quirkValues: readonly string[];
}

/** Layers that implement the formats and dialects which quirks name. */
const KNOWS_FORMATS = new Set(['core', 'protocols']);

/** Every break of the rules in the given files. */
export function checkLayers(files: readonly SourceFile[], names: CatalogueNames): Violation[] {
  return files.flatMap((file) => checkFile(file, names));
}

function checkFile(file: SourceFile, names: CatalogueNames): Violation[] {
  const tokens = tokenize(file.text);
  const found: Violation[] = [];
  const report = (at: number, message: string): void => {
    found.push({ path: file.path, line: file.text.slice(0, at).split('\n').length, message });
  };
  checkShape(file, report);
  if (!file.path.startsWith('src/') || /\.(?:test|fixture)\.ts$/.test(file.path)) return found;
  const layer = layerOf(file.path);
  checkImports(file, layer, tokens, report);
  checkForbiddenCode(layer, tokens, report);
  if (layer !== 'catalogue') checkCatalogueNames(layer, tokens, names, report);
  return found;
}

type Report = (at: number, message: string) => void;

function checkShape(file: SourceFile, report: Report): void {
  const lines = file.text.trimEnd().split('\n').length;
  if (lines > MAX_LINES) report(0, `${lines} lines: a file has at most ${MAX_LINES}`);
  const folder = file.path.split('/').find((part) => FORBIDDEN_FOLDERS.has(part));
  if (folder) report(0, `a folder says what it holds: "${folder}" does not`);
}

function checkImports(file: SourceFile, layer: string, tokens: Tokens, report: Report): void {
  for (const literal of importsOf(tokens)) {
    const specifier = literal.value;
    if (/^bun(?::|$)/.test(specifier)) report(literal.at, `"${specifier}": the code runs on Bun and on Node alike`);
    if (/^undici(?:\/|$)/.test(specifier)) report(literal.at, `"${specifier}": a shim of Bun ignores its dispatcher`);
    if (PURE.has(layer) && (IMPURE_MODULES.test(specifier) || CLIENT_PACKAGES.test(specifier))) {
      report(literal.at, `${layer} is pure and imports "${specifier}"`);
    }
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(file.path), specifier);
    if (!target.startsWith('src/')) {
      if (!target.endsWith('.json')) report(literal.at, `imports "${specifier}" from outside src`);
      continue;
    }
    const imported = layerOf(target);
    if (layer === 'main.ts' || imported === layer) continue;
    const allowed = LAYERS[layer];
    if (!allowed) report(0, `src/${layer} is not a known layer`);
    else if (!allowed.includes(imported)) report(literal.at, `${layer} must not import ${imported} ("${specifier}")`);
  }
}

function checkForbiddenCode(layer: string, { code, literals }: Tokens, report: Report): void {
  const each = (pattern: RegExp, message: (text: string) => string): void => {
    for (const found of code.matchAll(pattern)) report(found.index, message(found[0]));
  };
  each(/\bBun\b\s*[.[]/g, () => 'Bun.*: the code runs on Bun and on Node alike');
  each(/(?<![.\w$])fetch\s*\(/g, () => 'fetch(): node:http carries the data');
  each(/\bglobalThis\s*\.\s*(?:fetch|Bun)\b/g, (text) => `${text}: node:http carries the data`);
  if (PURE.has(layer)) each(IMPURE_CALLS, (text) => `${layer} is pure and uses ${text}: pass it in`);
  if (!ENVIRONMENT_READERS.has(layer)) {
    each(/\bprocess\s*(?:\.|\?\.|\[)\s*env\b/g, () => 'process.env is read in config and launcher only');
    each(/\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g, () => 'process.env is read in config and launcher only');
    for (const literal of literals) {
      const before = code.slice(0, literal.at);
      if (literal.value === 'env' && /\bprocess\s*\[\s*$/.test(before)) {
        report(literal.at, 'process.env is read in config and launcher only');
      }
    }
  }
}

function checkCatalogueNames(layer: string, tokens: Tokens, names: CatalogueNames, report: Report): void {
  const imports = new Set(importsOf(tokens).map((literal) => literal.at));
  const ids = names.ids.filter((id) => !(id === 'sandbox' && (layer === 'sandbox' || layer === 'demo')));
  for (const literal of tokens.literals) {
    if (imports.has(literal.at)) continue;
    const id = ids.find((name) => literal.value.toLowerCase() === name);
    const isFormat = KNOWS_FORMATS.has(layer) && names.quirkValues.includes(literal.value);
    if (id && (!isFormat || isComparedWithProvider(tokens.code, literal)))
      report(literal.at, `"${id}" is a provider: what is special about it belongs in its catalogue entry`);
    const variable = names.keyVariables.find(
      (name) => !name.startsWith('ANTHROPIC_') && new RegExp(`\\b${name}\\b`).test(literal.value),
    );
    if (variable) report(literal.at, `"${variable}" is a provider's key: it belongs in the catalogue`);
  }
  const plain = ids.filter((id) => !AMBIGUOUS_NAMES.has(id) && /^[a-z]\w*$/.test(id));
  if (plain.length === 0) return;
  const named = new RegExp(`(?:\\.\\s*(?:${plain.join('|')})\\b|\\b(?:${plain.join('|')})\\s*:)`, 'g');
  for (const found of tokens.code.matchAll(named)) {
    report(found.index, `"${found[0]}" names a provider: what is special about it belongs in its catalogue entry`);
  }
}

/** `target.provider === 'x'`, either way round, and `case 'x'` of a `switch` over a provider. */
function isComparedWithProvider(code: string, { at, value }: Literal): boolean {
  const before = code.slice(Math.max(0, at - 80), at);
  const after = code.slice(at + value.length + 2, at + value.length + 82);
  if (/\bprovider(?:\.id)?\s*[!=]==?\s*$/.test(before) || /^\s*[!=]==?\s*[\w.]*\bprovider\b/.test(after)) return true;
  if (!/\bcase\s*$/.test(before)) return false;
  const lastSwitch = /.*\bswitch\s*\(([^)]*)\)/s.exec(code.slice(0, at));
  return /\bprovider\b/.test(lastSwitch?.[1] ?? '');
}

/** The literals that name a module: `from`, bare `import`, `import()` and `require()`. */
function importsOf({ code, literals }: Tokens): Literal[] {
  return literals.filter(({ at }) =>
    /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*$/.test(code.slice(Math.max(0, at - 60), at)),
  );
}

/** The folder below `src`, or the file's name when it lies directly in it. */
function layerOf(path: string): string {
  return path.split('/')[1] ?? path;
}

/** Every TypeScript file of the given folders below `root`. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => {
    const base = join(root, folder);
    return readdirSync(base, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name) && !name.split(sep).includes('node_modules'))
      .map((name) => join(base, name))
      .map((path) => ({
        path: relative(root, path).split(sep).join('/'),
        text: readFileSync(path, 'utf8'),
      }));
  });
}

export const PROJECT_ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Asked of the catalogue itself, so that a new provider is covered on the day it comes. */
export async function catalogueNames(): Promise<CatalogueNames> {
  const [{ PROVIDERS }, { QUIRK_TABLE }] = await Promise.all([
    import('../src/catalogue/providers.ts'),
    import('../src/catalogue/quirks.ts'),
  ]);
  return {
    ids: PROVIDERS.map((entry) => entry.id),
    keyVariables: PROVIDERS.flatMap((entry) => entry.keyVariables),
    quirkValues: QUIRK_TABLE.flatMap((row) => row.values ?? []),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const violations = checkLayers(
    readSources(PROJECT_ROOT, ['src', 'test', 'scripts', 'bench']),
    await catalogueNames(),
  );
  for (const { path, line, message } of violations) console.log(`${path}:${line} ${message}`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
