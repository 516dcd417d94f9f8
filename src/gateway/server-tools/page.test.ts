import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ScriptedWeb, type SiteHandler, startWeb } from '../../../test/support/scripted-web.ts';
import type { WebFetch } from '../../core/snapshot.ts';
import { readPage } from './page.ts';
import { isToolFault } from './tool-fault.ts';

/** The program itself, as a reader of one page. */
const READER = [process.execPath, fileURLToPath(new URL('../../main.ts', import.meta.url)), '__read-page'];

const SENTENCE = 'The sea rises and falls, because the moon pulls at it, and the sun a little too. ';
const ARTICLE = `<!doctype html><html><head><title>Tides</title></head><body>
<nav><a href="/a">Home</a><a href="/b">News</a></nav>
<article><h1>Tides</h1><p>${SENTENCE.repeat(4)}</p><h2>Why</h2>
<p>${SENTENCE.repeat(3)}See <a href="/moon?x=1">the moon</a> and <a href="javascript:alert(1)">this</a>.</p>
<pre><code>height = 3\n  low = 1</code></pre><ul><li>spring</li><li>neap</li></ul>
<img src="data:image/png;base64,AAAA" alt="chart"><script>evil()</script></article>
<footer>All rights reserved</footer></body></html>`;

function settings(web: ScriptedWeb, more: Partial<WebFetch> = {}): WebFetch {
  const bounds = { maxBytes: 2 << 20, maxChars: 50_000, timeoutMs: 5_000 };
  return { knownUrlsOnly: true, ports: [web.port], ...bounds, proxyResolves: false, ...more };
}

const html =
  (text: string, type = 'text/html; charset=utf-8'): SiteHandler =>
  (_asked, res) =>
    void res.writeHead(200, { 'content-type': type }).end(text);

async function read(
  site: SiteHandler,
  options: { reader?: readonly string[]; more?: Partial<WebFetch>; signal?: AbortSignal } = {},
) {
  const web = await startWeb(site);
  const access = { ...web.access, ...(options.reader ? { pageReader: options.reader } : {}) };
  const domains = { allowed: [], blocked: [] };
  const signal = options.signal ?? new AbortController().signal;
  const url = `http://site.example:${web.port}/dir/page`;
  return readPage(url, settings(web, options.more), domains, access, signal, 'test/1');
}

describe('a page', () => {
  it('is its article as Markdown, with absolute links', async () => {
    const page = await read(html(ARTICLE), { reader: READER });
    if (isToolFault(page)) throw new Error(page.message);
    expect(page.title).toBe('Tides');
    expect(page.text).toContain('## Why');
    expect(page.text).toContain(SENTENCE.trim());
    expect(page.text).toMatch(/\[the moon\]\(http:\/\/site\.example:\d+\/moon\?x=1\)/);
    expect(page.text).toContain('```\nheight = 3\n  low = 1\n```');
    expect(page.text).toMatch(/^-\s+spring$/m);
    expect(page.text).not.toMatch(/evil|javascript:|base64|All rights reserved|News/);
  }, 30_000);

  it('without an article is its text', async () => {
    const page = await read(html('<title>Small</title><p>one line'), { reader: READER });
    expect(page).toMatchObject({ title: 'Small', text: 'one line' });
  }, 30_000);

  it('is its text where there is no reader', async () => {
    const page = await read(html(ARTICLE));
    expect(page).toMatchObject({ title: 'Tides' });
    expect('text' in page && page.text).toContain('All rights reserved');
  });

  it('that keeps a reader busy for ever is its text after a few seconds, and stops nothing meanwhile', async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 20);
    const page = await read(html(`<html><body><p>words</p>${'<ul><li>'.repeat(20_000)}`), { reader: READER });
    clearInterval(timer);
    expect('text' in page && page.text).toContain('words');
    expect(longest).toBeLessThan(1_500);
  }, 30_000);

  it.each([
    ['a reader that is not there', ['/no/such/program']],
    ['a reader that fails', [process.execPath, '-e', 'process.exit(3)']],
    ['a reader that says nothing sensible', [process.execPath, '-e', 'console.log("{")']],
  ])('is its text with %s', async (_, reader) => {
    expect(await read(html('<p>words'), { reader })).toMatchObject({ text: 'words' });
  });

  it('is given up when the client goes, and its reader with it', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 300);
    const started = performance.now();
    await read(html('<p>words'), {
      reader: [process.execPath, '-e', 'setTimeout(() => {}, 60000)'],
      signal: abort.signal,
    });
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it('in another encoding is read in it', async () => {
    const site: SiteHandler = (_asked, res) =>
      void res
        .writeHead(200, { 'content-type': 'text/html; charset=iso-8859-1' })
        .end(Buffer.from('<p>Größe', 'latin1'));
    expect(await read(site)).toMatchObject({ text: 'Größe' });
    const inside: SiteHandler = (_asked, res) =>
      void res
        .writeHead(200, { 'content-type': 'text/html' })
        .end(Buffer.from('<meta charset="latin1"><p>Größe', 'latin1'));
    expect(await read(inside)).toMatchObject({ text: 'Größe' });
    expect(await read(html('<p>Größe', 'text/html; charset=no-such-one'))).toMatchObject({ text: 'Größe' });
  });

  it.each([
    ['text/plain', 'a  b\n<c>'],
    ['application/json', '{"a": 1}'],
    ['application/ld+json', '{"a": 1}'],
    ['text/markdown', '# a'],
    ['application/xml', '<a/>'],
  ])('of %s stays as it is', async (type, text) => {
    expect(await read(html(text, type))).toMatchObject({ text });
  });

  it.each(['image/png', 'application/pdf', 'application/octet-stream', 'video/mp4'])(
    'of %s is not read',
    async (type) => {
      expect(await read(html('x', type))).toMatchObject({ code: 'unsupported_content_type' });
    },
  );

  it('without a type is text if it looks like it', async () => {
    const bare =
      (body: Buffer): SiteHandler =>
      (_asked, res) =>
        void res.end(body);
    expect(await read(bare(Buffer.from('words')))).toMatchObject({ text: 'words' });
    expect(await read(bare(Buffer.from([1, 0, 2])))).toMatchObject({ code: 'unsupported_content_type' });
  });

  it.each([
    [404, 'url_not_accessible'],
    [429, 'too_many_requests'],
    [500, 'url_not_accessible'],
    [304, 'url_not_accessible'],
  ])('with status %i is none', async (status, code) => {
    expect(await read((_asked, res) => void res.writeHead(status).end('x'))).toMatchObject({ code });
  });

  it('that is too long says that something is missing, and does not end in half a character', async () => {
    const page = await read(html('a😀b'.repeat(100), 'text/plain'), { more: { maxChars: 2 } });
    expect(page).toMatchObject({ text: 'a\n\n[The rest of the page is left out.]' });
    const endless = await read(html('x'.repeat(100_000), 'text/plain'), { more: { maxBytes: 1_024 } });
    expect('text' in endless && endless.text).toMatch(/^x{1024}\n\n\[The rest/);
  });
});
