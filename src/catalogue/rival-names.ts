import type { CatalogueEntry } from './provider.ts';
import { findProvider, PROVIDERS } from './providers.ts';

/** A provider as another tool means it: the entry, and where that tool reaches it when it is not the usual place. */
export interface RivalPlace {
  readonly entry: CatalogueEntry;
  readonly region?: string;
  /** Base URL of Chat Completions. */
  readonly url?: string;
  /** Variable of that tool for the key, where ours has another name. */
  readonly variable?: string;
}

/** Names of other tools that are not ours with other punctuation. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  'hosted-vllm': 'vllm',
  'ollama-chat': 'ollama',
};

/** What free-claude-code reaches elsewhere than we do by default (its `.env.example`). */
const FREE_CLAUDE_CODE: Readonly<Record<string, Omit<RivalPlace, 'entry'> & { readonly id: string }>> = {
  minimax: { id: 'minimax', region: 'international' },
  zai: { id: 'glm', region: 'coding-plan' },
  'zai-api': { id: 'glm', region: 'international' },
  'kimi-code': { id: 'kimi', region: 'coding-plan', variable: 'KIMI_CODE_API_KEY' },
  huggingface: { id: 'huggingface', variable: 'HUGGINGFACE_API_KEY' },
  siliconflow: { id: 'siliconflow', url: 'https://api.siliconflow.com/v1' },
};

/** The presets of cc-route that are in another region than ours (its README). */
const CC_ROUTE: Readonly<Record<string, { readonly id: string; readonly region: string }>> = {
  kimi: { id: 'kimi', region: 'cn' },
};

/** One of deepclaude's backends: what its script sets for Claude Code. */
export interface Backend {
  readonly names: readonly string[];
  readonly entry: CatalogueEntry;
  readonly models: Readonly<Record<'opus' | 'sonnet' | 'haiku' | 'subagent', string>>;
}

/** The backends of deepclaude (`deepclaude.sh`). Its `anthropic` is the client as it is. */
export const DEEPCLAUDE_BACKENDS: readonly Backend[] = [
  backend(['ds', 'deepseek'], 'deepseek', 'deepseek-v4-pro', 'deepseek-v4-flash'),
  backend(['or', 'openrouter'], 'openrouter', 'deepseek/deepseek-v4-pro'),
  backend(['fw', 'fireworks'], 'fireworks', 'accounts/fireworks/models/deepseek-v4-pro'),
];

/** The provider to which claude-code-proxy's `PREFERRED_PROVIDER` points; OpenAI without one. */
export function preferredProvider(name: string | undefined): CatalogueEntry | undefined {
  return findProvider(name?.trim().toLowerCase() || 'openai');
}

/** The entry that another tool calls so: `open_router`, `nvidia_nim`, `together_ai`. */
export function providerCalled(name: string): CatalogueEntry | undefined {
  const key = spelled(name);
  return findProvider(OTHER_NAMES[key] ?? key) ?? findProvider(key.replaceAll('-', ''));
}

/** A provider type of free-claude-code: the part of its model names before the first slash. */
export function freeClaudeCodePlace(name: string): RivalPlace | undefined {
  const known = FREE_CLAUDE_CODE[spelled(name)];
  const entry = known ? findProvider(known.id) : providerCalled(name);
  return entry && { entry, ...(known && without(known)) };
}

/** The provider types whose key may stand in free-claude-code's `.env`. */
export function freeClaudeCodeNames(): string[] {
  return [...new Set([...Object.keys(FREE_CLAUDE_CODE), ...PROVIDERS.map(({ id }) => id)])];
}

/** What LiteLLM takes a model for that has no provider before it: its own list has plain names of these two. */
export function providerOfPlainModel(model: string): CatalogueEntry | undefined {
  return findProvider(model.startsWith('claude-') ? 'anthropic' : 'openai');
}

/** Whether LiteLLM's prefix says nothing but the protocol once an address is given. */
export function isCompatiblePrefix(entry: CatalogueEntry): boolean {
  return entry === findProvider('openai');
}

/** A preset of cc-route. */
export function ccRoutePreset(name: string): RivalPlace | undefined {
  const known = CC_ROUTE[spelled(name)];
  const entry = known ? findProvider(known.id) : providerCalled(name);
  return entry && { entry, ...(known && { region: known.region }) };
}

function spelled(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[_\s.]+/g, '-');
}

function without({ id: _, ...place }: (typeof FREE_CLAUDE_CODE)[string]): Omit<RivalPlace, 'entry'> {
  return place;
}

function backend(names: readonly string[], id: string, model: string, small = model): Backend {
  const entry = findProvider(id);
  if (!entry) throw new Error(`no provider "${id}"`);
  return { names, entry, models: { opus: model, sonnet: model, haiku: small, subagent: small } };
}
