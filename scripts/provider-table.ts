import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CatalogueEntry } from '../src/catalogue/provider.ts';
import { PROVIDERS } from '../src/catalogue/providers.ts';
import { type PartialQuirks, QUIRK_TABLE } from '../src/catalogue/quirks.ts';
import { SLOTS } from '../src/core/slot.ts';
import { code, defaultText, table } from './config-tables.ts';

export const PROVIDERS_PAGE = fileURLToPath(new URL('../docs/providers.md', import.meta.url));

/** Every provider of the catalogue in one line each. */
export function providerTable(entries: readonly CatalogueEntry[] = PROVIDERS): string {
  const rows = entries.map(({ id, name, endpoints, keyVariables }) => [
    `[${code(id)}](#${anchorOf(id)})`,
    name,
    endpoints.map(({ protocol, baseUrl }) => `${protocol} ${code(baseUrl)}`).join('<br>'),
    keyVariables.length === 0 ? 'none' : keyVariables.map(code).join(', '),
  ]);
  return table(['Id', 'Name', 'Protocols and base URLs', 'Key'], rows);
}

/** What is particular to each provider, a section each. */
export function providerSections(entries: readonly CatalogueEntry[] = PROVIDERS): string {
  return entries.map(sectionOf).join('\n');
}

/** The page with its generated parts brought up to date. */
export function withProviders(page: string, entries: readonly CatalogueEntry[] = PROVIDERS): string {
  const parts = { providers: providerTable(entries), details: providerSections(entries) };
  return Object.entries(parts).reduce((text, [name, made]) => {
    const place = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!place.test(text)) throw new Error(`docs/providers.md has no place for "${name}"`);
    return text.replace(place, (_, before: string, after: string) => `${before}${made}${after}`);
  }, page);
}

function sectionOf(entry: CatalogueEntry): string {
  const { id, aliases = [], regions = {}, modelQuirks = {}, docs } = entry;
  const lines = [
    `### ${id}`,
    '',
    `Documentation: <${docs}>.${aliases.length > 0 ? ` Also called ${aliases.map(code).join(', ')}.` : ''}`,
  ];
  lines.push('', `Models: ${modelsText(entry)}.`);
  for (const [region, { baseUrls, keyVariables = [] }] of Object.entries(regions)) {
    const urls = Object.entries(baseUrls).map(([protocol, url]) => `${protocol} ${code(url)}`);
    const chosen = keyVariables.length > 0 ? `; chosen by ${keyVariables.map(code).join(', ')}` : '';
    lines.push('', `Region ${code(region)}: ${urls.join(', ')}${chosen}.`);
  }
  lines.push(...deviations(entry.quirks, 'Deviation'));
  for (const [quirks, models] of Map.groupBy(Object.keys(modelQuirks), (model) => modelQuirks[model] ?? {})) {
    lines.push(...deviations(quirks, `Deviation of ${models.map(code).join(', ')}`));
  }
  return `${lines.join('\n')}\n`;
}

function modelsText({ models, quirks, takesClientNames, needsBaseUrl }: CatalogueEntry): string {
  const bySlot = SLOTS.flatMap((slot) => (models[slot] === undefined ? [] : [`${slot} ${code(models[slot])}`]));
  const own = takesClientNames ? "yours to name; any of the client's own names will do" : 'yours to name';
  const text = bySlot.join(', ') || (quirks.anthropicGenuine ? 'whatever the client asks for' : own);
  return needsBaseUrl ? `${text}; the base URL is yours to give` : text;
}

function deviations(quirks: PartialQuirks, title: string): string[] {
  const groups: readonly (readonly [prefix: string, flags: object])[] = [
    ['', quirks],
    ['messages.', quirks.messages ?? {}],
    ['chat.', quirks.chat ?? {}],
  ];
  const rows = groups.flatMap(([prefix, flags]) =>
    Object.entries(flags).flatMap(([name, value]) => {
      const row = QUIRK_TABLE.find((one) => one.name === prefix + name);
      return row ? [[code(row.key), valueText(value), row.doc]] : [];
    }),
  );
  return rows.length === 0 ? [] : ['', table([title, 'Here', 'What it says'], rows).trimEnd()];
}

function valueText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : defaultText(value);
}

/** As the usual Markdown readers make an anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PROVIDERS_PAGE, withProviders(readFileSync(PROVIDERS_PAGE, 'utf8')));
}
