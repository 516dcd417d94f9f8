import { modelData } from '../../src/catalogue/models.ts';
import { modelQuirksOf } from '../../src/catalogue/provider.ts';
import { findProvider } from '../../src/catalogue/providers.ts';
import { DEFAULT_QUIRKS, mergeQuirks, type PartialQuirks } from '../../src/catalogue/quirks.ts';
import { idMinter } from '../../src/core/ids.ts';
import { skimObject } from '../../src/core/json-skim.ts';
import type { Envelope, MessagesRequest } from '../../src/core/messages.ts';
import type { ChatQuirks, ModelData, Target } from '../../src/core/target.ts';
import type { ProtocolContext } from '../../src/protocols/protocol.ts';

/** A Chat Completions target with the default quirks and what a test says on top of them. */
export function chatTarget(
  chat: Partial<ChatQuirks> = {},
  options: {
    provider?: string;
    model?: string;
    data?: Partial<ModelData>;
    quirks?: PartialQuirks;
    baseUrl?: string;
  } = {},
): Target {
  return {
    provider: options.provider ?? 'corp',
    endpoint: {
      protocol: 'openai-chat',
      baseUrl: options.baseUrl ?? 'https://llm.example/v1',
      auth: 'bearer',
      local: false,
    },
    model: options.model ?? 'corp-large',
    credential: { kind: 'none' },
    quirks: mergeQuirks(DEFAULT_QUIRKS, options.quirks, { chat }),
    data: {
      contextWindow: undefined,
      maxOutputTokens: undefined,
      vision: undefined,
      thinking: undefined,
      ...options.data,
    },
    patches: [],
    profile: 'corp',
    timeouts: { connectMs: 0, firstByteMs: 0, idleMs: 0 },
  };
}

/** A client's request as the gateway receives it. Strings are taken as the raw bytes. */
export function envelopeOf(request: Partial<MessagesRequest> | string): Envelope {
  const raw = Buffer.from(
    typeof request === 'string' ? request : JSON.stringify({ model: 'claude-sonnet-5', ...request }),
  );
  const body = JSON.parse(raw.toString('utf8')) as MessagesRequest;
  return {
    raw,
    spans: skimObject(raw) ?? new Map(),
    model: String(body.model ?? 'claude-sonnet-5'),
    stream: body.stream === true,
    path: '/v1/messages?beta=true',
    headers: [],
    body: () => body,
  };
}

/** Ids count up: equal runs give equal bytes. */
export function chatContext(options: Partial<ProtocolContext> = {}): ProtocolContext {
  let count = 0;
  return {
    mintId: idMinter((bytes) => {
      count += 1;
      return Uint8Array.from({ length: bytes }, (_, at) => (count * 31 + at * 17) % 251);
    }),
    provenance: { isGenuine: () => false, isForeign: () => false, remember: () => undefined },
    withoutThinking: false,
    cacheKey: 'session-1',
    ...options,
  };
}

/** A Chat Completions target as the catalogue makes it of a provider and one of its models. */
export function catalogueTarget(provider: string, model = 'some-model'): Target {
  const entry = findProvider(provider);
  if (entry === undefined) throw new Error(`no such provider: ${provider}`);
  return chatTarget(
    {},
    {
      provider,
      model,
      data: modelData(provider, model),
      quirks: mergeQuirks(DEFAULT_QUIRKS, entry.quirks, modelQuirksOf(entry, model)),
    },
  );
}
