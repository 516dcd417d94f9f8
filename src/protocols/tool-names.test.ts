import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolNames } from './tool-names.ts';

describe('tool names', () => {
  it('leaves legal names alone', () => {
    const names = new ToolNames(['Read', 'mcp__srv__do-it'], 64);
    expect(names.upstream('Read')).toBe('Read');
    expect(names.upstream('mcp__srv__do-it')).toBe('mcp__srv__do-it');
  });

  it('begin with a letter, which Moonshot demands and Gemini nearly', () => {
    const declared = ['_meta', '3d_print', '-x', '__', '日本'];
    const names = new ToolNames(declared, 64);
    const mapped = declared.map((name) => names.upstream(name));
    for (const name of mapped) expect(name).toMatch(/^[A-Za-z][A-Za-z0-9_-]*$/);
    expect(mapped[1]).toMatch(/^tool_3d_print_/);
    expect(mapped.map((name) => names.client(name))).toEqual(declared);
  });

  it('keeps names apart that differ only in an illegal character', () => {
    const names = new ToolNames(['a.b', 'a_b', 'a b'], 64);
    const mapped = ['a.b', 'a_b', 'a b'].map((name) => names.upstream(name));
    expect(new Set(mapped).size).toBe(3);
    expect(mapped[1]).toBe('a_b');
    expect(mapped.map((name) => names.client(name))).toEqual(['a.b', 'a_b', 'a b']);
  });

  it('shortens long names that share a prefix to different ones', () => {
    const long = `mcp__${'x'.repeat(90)}`;
    const names = new ToolNames([`${long}1`, `${long}2`], 64);
    expect(names.upstream(`${long}1`)).toHaveLength(64);
    expect(names.upstream(`${long}1`)).not.toBe(names.upstream(`${long}2`));
  });

  it('restores the names in an error of the upstream', () => {
    const names = new ToolNames(['a.b'], 64);
    expect(names.restore(`Invalid schema for function '${names.upstream('a.b')}'`)).toBe(
      "Invalid schema for function 'a.b'",
    );
  });

  it('is legal, unique, reversible and a function of the declared set, for any names', () => {
    const name = fc.oneof(fc.string({ minLength: 1 }), fc.stringMatching(/^[A-Za-z0-9_.-]{1,100}$/));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), fc.integer({ min: 24, max: 64 }), (declared, max) => {
        const names = new ToolNames(declared, max);
        const again = new ToolNames(declared, max);
        const mapped = declared.map((each) => names.upstream(each));
        expect(new Set(mapped).size).toBe(declared.length);
        for (const each of mapped) expect(each).toMatch(/^[A-Za-z][A-Za-z0-9_-]*$/);
        for (const each of mapped) expect(each.length).toBeLessThanOrEqual(max);
        expect(mapped.map((each) => names.client(each))).toEqual(declared);
        expect(declared.map((each) => again.upstream(each))).toEqual(mapped);
      }),
    );
  });
});
