import type { Readable, Writable } from 'node:stream';

/** The article of a page. */
export interface Article {
  readonly title: string;
  readonly markdown: string;
}

/**
 * Reads a page on standard input (its URL on the first line, then HTML) and writes its article as JSON. It runs in a
 * process of its own: a page that is made to keep a reader busy for minutes must not stop anything else.
 */
export async function servePage(input: Readable, output: Writable): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const line = text.indexOf('\n');
  const article = await readArticle(text.slice(line + 1), text.slice(0, line));
  await new Promise<void>((resolve) => output.write(JSON.stringify(article ?? null), () => resolve()));
}

/** The article as Markdown; `undefined` where the page has none. Links are made absolute. */
export async function readArticle(html: string, url: string): Promise<Article | undefined> {
  const [{ parseHTML }, { Readability }, { default: Turndown }] = await Promise.all([
    import('linkedom'),
    import('@mozilla/readability'),
    import('turndown'),
  ]);
  const { document } = parseHTML(html);
  makeAbsolute(document as unknown as Queryable, url);
  const article = new Readability(document as never, { charThreshold: 200 }).parse();
  if (!article?.content) return undefined;
  const turndown = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  turndown.remove(['script', 'style', 'iframe', 'form', 'button']);
  return { title: article.title?.trim() ?? '', markdown: turndown.turndown(article.content).trim() };
}

interface Queryable {
  querySelectorAll(selector: string): Iterable<{
    getAttribute(name: string): string | null;
    setAttribute(name: string, value: string): void;
    removeAttribute(name: string): void;
  }>;
}

function makeAbsolute(document: Queryable, base: string): void {
  for (const [selector, attribute] of [
    ['a[href]', 'href'],
    ['img[src]', 'src'],
  ] as const) {
    for (const element of document.querySelectorAll(selector)) {
      const url = URL.parse(element.getAttribute(attribute) ?? '', base);
      // Inline images are long and say nothing to a reader of text.
      if (url && /^https?:$/.test(url.protocol)) element.setAttribute(attribute, url.href);
      else element.removeAttribute(attribute);
    }
  }
}
