import type { Secret } from './secret.ts';
import type { Slot } from './slot.ts';

export type ProtocolId = 'anthropic-messages' | 'openai-chat';

/** How an endpoint wants its credential: exactly one header is sent. */
export type AuthHeader = 'x-api-key' | 'bearer' | 'api-key';

export interface Endpoint {
  readonly protocol: ProtocolId;
  /** Without a trailing slash and without the protocol's own path: `https://api.deepseek.com/anthropic`. */
  readonly baseUrl: string;
  readonly auth: AuthHeader;
  /** On this machine or the user's network: no idle timeout, no key. */
  readonly local: boolean;
}

/** What is sent as credential. `client` passes the client's own login through: only an endpoint that is declared for
 * it (`Quirks.acceptsClientLogin`) may have it, see `gateway/credential.ts`. */
export type Credential =
  | { readonly kind: 'client' }
  | { readonly kind: 'keys'; readonly keys: readonly [Secret, ...Secret[]] }
  | { readonly kind: 'none' }
  /** A key is needed and none was found. Nothing is sent, the client's login least of all; `reason` says what to do. */
  | { readonly kind: 'missing'; readonly reason: string };

/** Thinking of a slot, whatever the client asks for: always, never, or always with this many tokens. */
export type ThinkingChoice = 'on' | 'off' | number;

/** Declared deviations of a provider; every flag has its comment in `catalogue/quirks.ts`, where the defaults are. */
export interface Quirks {
  /** Genuine Anthropic: the whole request is an open list, passed on unchanged; errors and limits unmodified. */
  readonly anthropicGenuine: boolean;
  /** May receive the client's own login. */
  readonly acceptsClientLogin: boolean;
  /** Anthropic dialect. */
  readonly messages: {
    /** `role: "system"` inside `messages`: kept, or wrapped as a user message. */
    readonly systemRole: 'keep' | 'wrap';
    /** Thinking of the history: kept as it is, an own placeholder demanded on tool turns, or all removed. */
    readonly historyThinking: 'keep' | 'require-on-tool-turns' | 'strip';
    /** `thinking.type: "adaptive"` is understood; otherwise mapped to `enabled` with a budget. */
    readonly adaptiveThinking: boolean;
    /** `thinking.type: "enabled"` is understood; otherwise mapped to `adaptive`. */
    readonly enabledThinking: boolean;
    /** `thinking.type: "disabled"` is understood; otherwise left out. */
    readonly disabledThinking: boolean;
    /** `output_config.effort` is understood. `not-when-thinking-off`: rejected beside `thinking: disabled`. */
    readonly effort: 'yes' | 'no' | 'not-when-thinking-off';
    /** From the client's effort to the provider's words; a missing one goes out as it is. */
    readonly effortValues: Readonly<Record<string, string>>;
    /** `output_config.format` is understood. */
    readonly outputFormat: boolean;
    readonly cacheControl: boolean;
    /** Server tool types that the endpoint runs itself, by prefix: `web_search`. */
    readonly serverTools: readonly string[];
    /** Tools that the client runs and only Anthropic's models know without a schema: `bash_20250124`. */
    readonly typedTools: boolean;
    readonly schemaDialect: ChatQuirks['schemaDialect'];
    /** Images in tool results. */
    readonly toolResultImages: boolean;
    readonly urlImages: boolean;
    readonly documents: boolean;
    readonly countTokens: boolean;
    readonly maxStopSequences: number | undefined;
    /** Lowest temperature that is accepted. */
    readonly minTemperature: number | undefined;
    /** `input_tokens` includes the cached ones and they are subtracted. */
    readonly inputIncludesCached: boolean;
  };
  /** Chat Completions dialect. */
  readonly chat: ChatQuirks;
  readonly vision: boolean;
}

/** See `catalogue/quirks.ts` for what each one means and its default. */
export interface ChatQuirks {
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  readonly systemRole: 'system' | 'developer' | 'user';
  /** Where system entries may stand: anywhere, or only first (later ones become marked user messages). */
  readonly systemPosition: 'any' | 'first';
  /** Field in which reasoning of the history is sent back, if at all. */
  readonly reasoningField:
    | 'none'
    | 'reasoning_content'
    | 'reasoning'
    | 'reasoning_details'
    | 'think-tags'
    | 'thinking-parts';
  /** When reasoning is sent back: never, on turns with tool calls, or always. */
  readonly reasoningReplay: 'never' | 'tool-turns' | 'always';
  /** A turn without reasoning, of those that are sent back with it, gets this placeholder. */
  readonly reasoningPlaceholder: string | undefined;
  /** The thought signature of a turn with tool calls that has none. */
  readonly unsignedCalls: string | undefined;
  /** How thinking and effort are asked for. */
  readonly thinkingParam:
    | 'none'
    | 'reasoning_effort'
    | 'reasoning'
    | 'thinking'
    | 'enable_thinking'
    | 'chat_template_kwargs';
  /** From the client's effort to the provider's words; one without a word takes that of the nearest. Empty: none is sent. */
  readonly effortValues: Readonly<Record<string, string>>;
  /** Pattern a tool call id must match, and its longest length. */
  readonly toolIdPattern: string;
  readonly toolIdMaxLength: number;
  readonly schemaDialect: 'json-schema' | 'openai' | 'moonshot' | 'gemini' | 'strict' | 'grammar';
  readonly strictTools: boolean;
  readonly pdf: boolean;
  readonly urlImages: boolean;
  /** Kinds of pictures that are read (`image/png`); empty: all. */
  readonly imageTypes: readonly string[];
  /** Functions are accepted; otherwise none are sent, and the calls of the history are told as text. */
  readonly tools: boolean;
  readonly toolChoice: 'full' | 'no-required' | 'no-named' | 'auto-only' | 'none';
  readonly parallelToolCalls: boolean;
  /** `stream_options.include_usage` is understood. */
  readonly usageInStream: boolean;
  /** Formats of tool calls written as text by the model. */
  readonly textToolCalls: readonly TextToolCallFormat[];
  /** `<think>` in text is reasoning. */
  readonly thinkTags: boolean;
  /** Where such tags count: a pair at the very start; text from the start on although the opening tag is missing
   * (it stands in the model's template); or pairs anywhere. */
  readonly thinkTagStyle: 'start' | 'implicit' | 'interleaved';
  readonly structuredOutputs: 'json_schema' | 'json_object' | 'none';
  /** Beside what the format of the answer is refused as a parameter. */
  readonly responseFormatAlone: readonly ('tools' | 'stream' | 'thinking')[];
  readonly prefill: 'none' | 'plain' | 'prefix' | 'partial';
  readonly alternateRoles: boolean;
  readonly assistantBetweenToolAndUser: boolean;
  readonly emptyAssistantContent: 'null' | 'empty-string';
  readonly promptCacheKey: boolean;
  readonly cacheControl: boolean;
  readonly stop: boolean;
  readonly sampling: boolean;
  readonly maxStopSequences: number;
  readonly toolNameMaxLength: number;
  /** Most tools that a request may have. */
  readonly maxTools: number | undefined;
  readonly requireToolsWithHistory: boolean;
  /** Calls of the history whose tool is not declared any more: kept, or told as text. */
  readonly undeclaredToolCalls: 'keep' | 'text';
  /** Thinks unless told not to: a request without thinking gets the explicit off switch. */
  readonly thinkingByDefault: boolean;
  /** The word that switches thinking on in `thinking.type`. */
  readonly thinkingOnValue: 'enabled' | 'adaptive';
  /** `thinking.clear_thinking: false`: the provider keeps the reasoning of earlier turns. */
  readonly keepThinking: boolean;
  /** Thinking is refused for answers that are not streamed: switched off there. */
  readonly thinkingNeedsStream: boolean;
  /** Key in `chat_template_kwargs` that switches thinking. */
  readonly templateThinkingKey: 'enable_thinking' | 'thinking';
  /** A forced `tool_choice` is refused while thinking: sent as `auto`. */
  readonly forcedToolWhileThinking: boolean;
  readonly topK: boolean;
  /** Lowest temperature that is accepted. */
  readonly minTemperature: number | undefined;
  /** Lowest value of the token limit that is accepted. */
  readonly minOutputTokens: number | undefined;
  /** Highest value of the token limit for an answer in one piece: above it a stream is asked for. */
  readonly maxTokensUnstreamed: number | undefined;
  /** Images in tool messages: accepted there, or moved to a user message behind the results. */
  readonly toolResultImages: 'inline' | 'move';
  /** Deltas may repeat everything that was already sent: only the remainder is used. */
  readonly snapshotDeltas: boolean;
}

/** How a model writes a tool call into its text. */
export type TextToolCallFormat =
  | 'kimi'
  | 'dsml'
  | 'deepseek'
  | 'qwen-xml'
  | 'hermes'
  | 'glm'
  | 'minimax'
  | 'llama'
  | 'mistral'
  | 'harmony';

/** What is known of a model; `undefined` is "unknown" and is never guessed. */
export interface ModelData {
  readonly contextWindow: number | undefined;
  readonly maxOutputTokens: number | undefined;
  readonly vision: boolean | undefined;
  readonly thinking: boolean | undefined;
}

/** One place a request can go. Immutable; compiled with the configuration. */
export interface Target {
  /** Provider id of the catalogue or the configuration. */
  readonly provider: string;
  readonly endpoint: Endpoint;
  /** The provider's own name of the model; `undefined` sends the name that the client asked for. */
  readonly model: string | undefined;
  readonly credential: Credential;
  readonly quirks: Quirks;
  readonly data: ModelData;
  /** Named request patches of the catalogue, in order. */
  readonly patches: readonly string[];
  /** Profile through which it was reached, for headers and records. */
  readonly profile: string;
  readonly timeouts: Timeouts;
  /** Proxy URL, `http:`, `https:` or `socks5:`; may hold a password. */
  readonly proxy?: Secret;
  /** `false`: HTTP/2 is not offered. */
  readonly http2?: boolean;
  /** Overrides what the client asks for; absent leaves that as it is. */
  readonly thinking?: ThinkingChoice;
}

/** Milliseconds; 0 switches a limit off. */
export interface Timeouts {
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
}

/** Which rule chose the targets, for people: `rule` is stable, `detail` is free text. */
export interface RouteReason {
  readonly rule: 'selector' | 'prompt' | 'session' | 'class' | 'content' | 'slot' | 'default';
  readonly detail: string;
}

/** Ordered targets of one request, made once. */
export interface RoutePlan {
  readonly targets: readonly [Target, ...Target[]];
  readonly reason: RouteReason;
  readonly slot: Slot | undefined;
}
