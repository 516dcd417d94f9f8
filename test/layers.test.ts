import { describe, expect, it } from 'vitest';
import { type CatalogueNames, catalogueNames, checkLayers, PROJECT_ROOT, readSources } from '../scripts/layers.ts';
import { tokenize } from '../scripts/tokens.ts';

const NAMES: CatalogueNames = {
  ids: ['anthropic', 'sandbox', 'acme-ai', 'acme'],
  keyVariables: ['ACME_API_KEY'],
  quirkValues: ['acme'],
};

function messagesFor(path: string, text: string): string[] {
  return checkLayers([{ path, text }], NAMES).map((violation) => violation.message);
}

describe('the sources', () => {
  it('keep every rule of the house', async () => {
    const files = readSources(PROJECT_ROOT, ['src', 'test', 'scripts', 'bench']);
    expect(files.length).toBeGreaterThan(20);
    const broken = checkLayers(files, await catalogueNames()).map(
      ({ path, line, message }) => `${path}:${line} ${message}`,
    );
    expect(broken).toEqual([]);
  });

  it('are checked against the ids of the catalogue itself', async () => {
    const { ids, keyVariables } = await catalogueNames();
    expect(ids).toContain('deepseek');
    expect(keyVariables).toContain('DEEPSEEK_API_KEY');
  });
});

describe('a break of a rule is found', () => {
  it.each([
    ['a static import', "import { a } from '../gateway/a.ts';"],
    ['a type import', "import type { A } from '../gateway/a.ts';"],
    ['an import over several lines', "import {\n  a,\n  b,\n} from '../gateway/a.ts';"],
    ['an import for its effect', "import '../gateway/a.ts';"],
    ['a re-export', "export { a } from '../gateway/a.ts';"],
    ['a re-export of everything', "export * from '../gateway/a.ts';"],
    ['a dynamic import', "const a = await import('../gateway/a.ts');"],
    ['an import type', "type A = import('../gateway/a.ts').A;"],
    ['a template as specifier', 'await import(`../gateway/a.ts`);'],
    ['a comment in between', "import { a } from /* why */ '../gateway/a.ts';"],
    ['code after a regular expression with a quote', "const q = /['\"`]/;\nimport { a } from '../gateway/a.ts';"],
    ['code inside a template', "const s = `x ${await import('../gateway/a.ts')} y`;"],
  ])('core must not import gateway: %s', (_, text) => {
    expect(messagesFor('src/core/x.ts', text)).toEqual(['core must not import gateway ("../gateway/a.ts")']);
  });

  it.each([
    ['protocols', 'catalogue'],
    ['catalogue', 'protocols'],
    ['policy', 'routing'],
    ['routing', 'gateway'],
    ['gateway', 'config'],
    ['ledger', 'config'],
    ['config', 'gateway'],
    ['control', 'launcher'],
    ['launcher', 'gateway'],
    ['tui', 'cli'],
    ['cli', 'gateway'],
    ['sandbox', 'gateway'],
    ['demo', 'gateway'],
  ])('%s must not import %s', (layer, other) => {
    const text = `import { a } from '../../${other}/a.ts';`;
    expect(messagesFor(`src/${layer}/deep/x.ts`, text)).toEqual([
      `${layer} must not import ${other} ("../../${other}/a.ts")`,
    ]);
  });

  it('a folder that is no layer', () => {
    expect(messagesFor('src/extras/x.ts', "import { a } from '../core/a.ts';")).toEqual([
      'src/extras is not a known layer',
    ]);
  });

  it('an import from outside src', () => {
    expect(messagesFor('src/core/x.ts', "import { a } from '../../test/support/a.ts';")).toHaveLength(1);
  });

  it.each([
    'node:fs',
    'node:fs/promises',
    'fs',
    'node:net',
    'node:http',
    'node:child_process',
    'node:timers/promises',
    'kysely',
  ])('a pure layer that imports %s', (module) => {
    expect(messagesFor('src/routing/x.ts', `import * as m from '${module}';`)).toHaveLength(1);
    expect(messagesFor('src/launcher/x.ts', `import * as m from '${module}';`)).toEqual([]);
  });

  it.each(['Date.now()', 'Math.random()', 'setTimeout(f, 1)', 'new Date()', 'performance.now()'])(
    'a pure layer that uses %s',
    (call) => {
      expect(messagesFor('src/policy/x.ts', `const a = ${call};`)).toHaveLength(1);
      expect(messagesFor('src/gateway/x.ts', `const a = ${call};`)).toEqual([]);
    },
  );

  it.each([
    'process.env.HOME',
    "process['env']",
    'process?.env',
    'process\n  .env',
    'const { env } = process',
    'const { env: e, argv } = process',
  ])('the environment read outside config and launcher: %s', (text) => {
    expect(messagesFor('src/control/x.ts', text)).toEqual(['process.env is read in config and launcher only']);
    expect(messagesFor('src/config/x.ts', text)).toEqual([]);
    expect(messagesFor('src/launcher/x.ts', text)).toEqual([]);
  });

  it.each([
    "if (p === 'acme') f();",
    'if (p === `acme`) f();',
    "if (p === 'Anthropic') f();",
    'f(quirks.acme);',
    'const t = { acme: 1 };',
    "const v = 'ACME_API_KEY';",
    'const hint = `set ACME_API_KEY first`;',
  ])('a provider named outside the catalogue: %s', (text) => {
    expect(messagesFor('src/gateway/x.ts', text)).toHaveLength(1);
    expect(messagesFor('src/catalogue/x.ts', text)).toEqual([]);
  });

  it.each([
    "import 'bun:sqlite';",
    "import { serve } from 'bun';",
    "import 'undici';",
    'Bun.serve({});',
    'await fetch(u);',
    'globalThis.fetch(u);',
  ])('a way to be tied to one runtime: %s', (text) => {
    expect(messagesFor('src/gateway/x.ts', text)).toHaveLength(1);
  });

  it.each([
    "if (target.provider === 'acme') f();",
    "if ('acme' !== target.provider) f();",
    "switch (target.provider) { case 'acme': f(); }",
  ])('a provider asked for by name where formats may be named after it: %s', (text) => {
    expect(messagesFor('src/protocols/x.ts', text)).toHaveLength(1);
  });

  it('a file of more than 500 lines', () => {
    expect(messagesFor('src/core/x.ts', 'a;\n'.repeat(500))).toEqual([]);
    expect(messagesFor('src/core/x.ts', 'a;\n'.repeat(501))).toEqual(['501 lines: a file has at most 500']);
  });

  it.each(['utils', 'helpers', 'common', 'lib'])('a folder called %s', (folder) => {
    expect(messagesFor(`src/core/${folder}/x.ts`, '')).toHaveLength(1);
  });
});

describe('what looks like a break and is none', () => {
  it.each([
    ['a comment', "// import { a } from '../gateway/a.ts'; process.env.X; Bun.serve()"],
    ['a block comment', "/** `fetch(` and 'acme' and Date.now() */"],
    ['text', "const s = 'import { a } from \\'../gateway/a.ts\\'';"],
    ['a word in a longer text', "const s = 'the acme of perfection';"],
    ['a method of that name', 'cache.fetch(key); this.fetch(x);'],
    ['a part of a longer name', "const s = 'anthropic-version';"],
    ['division', 'const a = b / c; const d = e / f;'],
    ['the layer itself', "import { a } from './other.ts';"],
  ])('%s', (_, text) => {
    expect(messagesFor('src/core/x.ts', text)).toEqual([]);
  });

  it('tests and the composition root import what they need', () => {
    expect(messagesFor('src/core/x.test.ts', "import { a } from '../gateway/a.ts';")).toEqual([]);
    expect(messagesFor('src/core/x.fixture.ts', "import { a } from '../../test/a.ts';")).toEqual([]);
    expect(messagesFor('src/main.ts', "import { a } from './gateway/a.ts';")).toEqual([]);
  });

  it.each(["if (format === 'acme') f();", "type F = 'acme' | 'other';", "switch (format) { case 'acme': f(); }"])(
    'a format that is named after the one who invented it: %s',
    (text) => {
      expect(messagesFor('src/protocols/x.ts', text)).toEqual([]);
      expect(messagesFor('src/gateway/x.ts', text)).toHaveLength(1);
    },
  );

  it('the sandbox knows its own name', () => {
    expect(messagesFor('src/sandbox/x.ts', "const id = 'sandbox';")).toEqual([]);
    expect(messagesFor('src/gateway/x.ts', "const id = 'sandbox';")).toHaveLength(1);
  });
});

describe('the tokenizer', () => {
  it('keeps offsets and line breaks', () => {
    const source = "const a = 'x'; // y\nconst b = `1 ${a + '2'} 3`;\n";
    const { code, literals } = tokenize(source);
    expect(code.length).toBe(source.length);
    expect(code.split('\n')).toHaveLength(3);
    expect(literals.map((literal) => literal.value)).toEqual(['x', '1 ', '2', ' 3']);
    expect(literals.map((literal) => source[literal.at])).toEqual(["'", '`', "'", '}']);
  });

  it('is not misled by nested templates, braces and escaped quotes', () => {
    const { code } = tokenize("const a = `x ${f({ b: `y ${c} z` })} w`; const d = 'it\\'s'; e();");
    expect(code.replace(/\s+/g, ' ')).toBe('const a = f({ b: c }) ; const d = ; e();');
  });
});
