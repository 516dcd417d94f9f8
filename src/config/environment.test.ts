import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkValue } from './check-shape.ts';
import { modelVariables, OVERRIDES, parseEnvFile } from './environment.ts';
import { environmentLayer, flagLayer, strayVariables } from './override-layers.ts';
import { configShape } from './schema.ts';

describe('a .env file', () => {
  it.each([
    ['A=1', { A: '1' }],
    ['export A=1', { A: '1' }],
    ['  A = 1  ', { A: '1' }],
    ['A="x y" # why', { A: 'x y' }],
    ["A='x # y'", { A: 'x # y' }],
    ['A=x#y', { A: 'x#y' }],
    ['A=x #y', { A: 'x' }],
    ['A=', { A: '' }],
    ['A="a\\"b\\nc"', { A: 'a"b\nc' }],
    ['A=$HOME', { A: '$HOME' }],
    ['\ufeffA=1\r\nB=2', { A: '1', B: '2' }],
    ['A=1\nA=2', { A: '2' }],
  ])('%j says %j', (text, values) => {
    const parsed = parseEnvFile(text);
    expect(Object.fromEntries(parsed.values)).toEqual(values);
    expect(parsed.faults).toEqual([]);
  });

  it('lines of another form are told with their number, and the others hold', () => {
    const { values, faults } = parseEnvFile('A=1\nnonsense\nB="open\n1C=2\n$(run me)=1');
    expect(Object.fromEntries(values)).toEqual({ A: '1' });
    expect(faults.map(({ line }) => line)).toEqual([2, 3, 4, 5]);
  });

  it('every text is read without a crash', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const name of parseEnvFile(text).values.keys()) expect(name).toMatch(/^[A-Za-z_]\w*$/);
      }),
    );
  });
});

describe('the environment', () => {
  it('sets what it names, and blank variables set nothing', () => {
    const env = { MIDSWAP_PROFILE: 'glm', MIDSWAP_PORT: '8080', MIDSWAP_HOST: ' ', MIDSWAP_ALWAYS_DYNAMIC: 'no' };
    expect(environmentLayer(env).config).toEqual({
      default_profile: 'glm',
      always_dynamic: false,
      gateway: { port: 8080 },
    });
  });

  it.each([
    ['MIDSWAP_PORT', '65536'],
    ['MIDSWAP_PORT', '-1'],
    ['MIDSWAP_PORT', '80 '.repeat(2)],
    ['MIDSWAP_PORT', '0x50'],
    ['MIDSWAP_ALWAYS_DYNAMIC', 'maybe'],
    ['MIDSWAP_PING_MS', '5'],
    ['MIDSWAP_PROFILE', 'two words'],
  ])('%s=%s is refused by its name', (name, value) => {
    expect(() => environmentLayer({ [name]: value })).toThrow(`environment: ${name}: must be `);
  });

  it('a flag of the wrong form is refused by its name', () => {
    expect(() => flagLayer({ port: 70_000 })).toThrow('command line: --port: must be a whole number from 0 to 65535');
  });

  it('takes exactly the values that the file takes', () => {
    const text = fc.oneof(
      fc.constantFrom(
        '0',
        '1',
        '99',
        '100',
        '1023',
        '1024',
        '65535',
        '65536',
        '600000',
        '600001',
        '86400001',
        'x',
        'a b',
      ),
      fc.nat().map(String),
    );
    fc.assert(
      fc.property(fc.constantFrom(...OVERRIDES), text, (override, given) => {
        const value = override.read(given);
        const [key, inner] = override.path;
        const raw =
          typeof value === 'boolean' ? value : /^\d+$/.test(given) && inner !== 'host' && inner ? Number(given) : given;
        const written = { [key]: inner === undefined ? raw : { [inner]: raw } };
        const accepted = checkValue(configShape, written).faults.length === 0;
        if (value !== undefined) expect(accepted, `${override.variable}=${given}`).toBe(true);
        else if (override.form !== 'true or false') expect(accepted, `${override.variable}=${given}`).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('names models, and blank ones are not named', () => {
    expect(modelVariables({ MODEL: 'glm:glm-5', MODEL_OPUS: '', MODEL_HAIKU: ' a ' })).toEqual([
      { variable: 'MODEL', slot: 'default', reference: 'glm:glm-5' },
      { variable: 'MODEL_HAIKU', slot: 'haiku', reference: 'a' },
    ]);
  });
});

describe('a variable that sets nothing', () => {
  it.each([
    ['MIDSWAP_PROFLE', 'MIDSWAP_PROFILE'],
    ['MIDSWAP_ALWAYS_DYNAMC', 'MIDSWAP_ALWAYS_DYNAMIC'],
    ['MIDSWAP_MAX_BODY_BYTE', 'MIDSWAP_MAX_BODY_BYTES'],
  ])('is told with the one that was meant: %s', (name, meant) => {
    expect(strayVariables({ [name]: 'x' })).toEqual([`environment: ${name}: is not known; did you mean "${meant}"?`]);
  });

  it('is left alone where it is read elsewhere, or near nothing', () => {
    const others = ['MIDSWAP_HOME', 'MIDSWAP_CLAUDE', 'MIDSWAP_SESSION', 'MIDSWAP_OF_MINE', 'MIDSWAP_', 'HOST'];
    const known = OVERRIDES.map(({ variable }) => variable);
    expect(strayVariables(Object.fromEntries([...others, ...known].map((name) => [name, 'x'])))).toEqual([]);
  });
});
