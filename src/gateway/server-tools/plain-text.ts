const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  rsquo: '’',
  lsquo: '‘',
  rdquo: '”',
  ldquo: '“',
};
/** Elements whose content is not for people. */
const HIDDEN = ['script', 'style', 'noscript', 'template', 'svg', 'head', 'title'];
/** Elements that begin a new line. */
const BLOCK = /^\/?(?:p|div|br|li|ul|ol|h[1-6]|tr|table|section|article|header|footer|main|nav|pre|blockquote|hr)$/;

/** HTML as text, in time that grows with its length alone whatever is in it: tags go, entities become characters. */
export function plainText(html: string): string {
  const out: string[] = [];
  /** Hidden elements that are never closed again: looking for their end each time would take for ever. */
  const unclosed = new Set<string>();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open === -1) {
      out.push(html.slice(at));
      break;
    }
    out.push(html.slice(at, open));
    const name = /^\/?[a-z][a-z0-9]*/i.exec(html.slice(open + 1, open + 24))?.[0].toLowerCase();
    if (name === undefined && !/[!?/]/.test(html[open + 1] ?? '')) {
      out.push('<');
      at = open + 1;
      continue;
    }
    const isHidden = name !== undefined && HIDDEN.includes(name) && !unclosed.has(name);
    at = isHidden ? behindElement(html, open, name, unclosed) : behindTag(html, open);
    if (name !== undefined && BLOCK.test(name)) out.push('\n');
  }
  return decoded(out.join(''))
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** The text of `<title>`. */
export function titleOf(html: string): string {
  const head = html.slice(0, 64 << 10);
  const open = /<title[^>]{0,200}>/i.exec(head);
  if (!open) return '';
  const start = open.index + open[0].length;
  const end = head.indexOf('</', start);
  return end === -1 ? '' : decoded(head.slice(start, end)).replace(/\s+/g, ' ').trim().slice(0, 500);
}

function behindTag(html: string, open: number): number {
  if (html.startsWith('<!--', open)) {
    const end = html.indexOf('-->', open);
    return end === -1 ? html.length : end + 3;
  }
  const end = html.indexOf('>', open);
  return end === -1 ? html.length : end + 1;
}

function behindElement(html: string, open: number, name: string, unclosed: Set<string>): number {
  const start = behindTag(html, open);
  const close = new RegExp(`</${name}[\\s>]`, 'ig');
  close.lastIndex = start;
  const found = close.exec(html);
  if (found) return behindTag(html, found.index);
  unclosed.add(name);
  return start;
}

function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? all;
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '�';
  });
}
