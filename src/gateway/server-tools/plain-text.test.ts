import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainText, titleOf } from './plain-text.ts';

describe('HTML as text', () => {
  it.each([
    ['<p>one</p><p>two</p>', 'one\n\ntwo'],
    ['a<br>b', 'a\nb'],
    ['<b>bold</b> <i>text</i>', 'bold text'],
    ['1 &lt; 2 &amp;&amp; 3 &#62; 2 &#x26; &eacute; &nope;', '1 < 2 && 3 > 2 & &eacute; &nope;'],
    ['a < b and c <3', 'a < b and c <3'],
    ['x<script>alert("<p>no</p>")</script>y', 'xy'],
    ['x<STYLE>p { }</STYLE >y', 'xy'],
    ['x<!-- <p>no</p> -->y', 'xy'],
    ['<!doctype html><html><head><title>T</title></head><body>y</body></html>', 'y'],
    ['x<script>never closed', 'xnever closed'],
    ['&#0;&#xd800;&#x110000;', '���'],
    ['', ''],
    ['<', '<'],
    ['<p', ''],
  ])('%j', (html, text) => expect(plainText(html)).toBe(text));

  it('never fails, and leaves no tag of a well-formed page', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (html) => void plainText(html)));
    const words = fc.stringMatching(/^[a-z ]*$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('p', 'div', 'b', 'li', 'h1'), words)), (parts) => {
        const html = parts.map(([tag, text]) => `<${tag} class="x">${text}</${tag}>`).join('');
        expect(plainText(html)).not.toMatch(/[<>]/);
        expect(plainText(html).replace(/\s/g, '')).toBe(parts.map(([, text]) => text.replace(/\s/g, '')).join(''));
      }),
    );
  });

  it.each([
    ['open tags', '<'],
    ['unclosed scripts', '<script>'],
    ['unclosed comments', '<!--'],
    ['deep nesting', '<div>'],
    ['lists', '<ul><li>'],
    ['entities', '&amp'],
    ['line breaks', '\n '],
    ['titles', '<title'],
  ])('takes a moment for a megabyte of %s', (_, piece) => {
    const html = piece.repeat(Math.ceil(1_000_000 / piece.length));
    const started = performance.now();
    plainText(html);
    titleOf(html);
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

describe('the title of a page', () => {
  it.each([
    ['<html><head><title lang="en"> A &amp; \n B </title>', 'A & B'],
    ['<title>never closed', ''],
    ['<p>none</p>', ''],
  ])('%j', (html, title) => expect(titleOf(html)).toBe(title));
});
