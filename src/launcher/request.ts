import type { FAMILY_SLOTS } from '../core/slot.ts';

export type Family = (typeof FAMILY_SLOTS)[number];

/** Environment as a plain map. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What one of the client's model families is called in this session. */
export interface SlotDeclaration {
  /** Name that the client sends. One of Anthropic's own, so that the client knows what it can do. */
  readonly id: string;
  /** Shown in the picker and in the client's header. Never changes while the session lives. */
  readonly label: string;
  readonly description: string;
  /** Tokens; `undefined` leaves the client's own assumption. */
  readonly contextWindow: number | undefined;
}

/** A profile or alias that can be chosen in the client's picker. */
export interface PickerRow {
  /** As `use` takes it. */
  readonly reference: string;
  readonly label: string;
  readonly description: string;
}

/** A command on the session's PATH that switches to `reference`. */
export interface Shim {
  readonly name: string;
  readonly reference: string;
}

/** Where the client's hook is answered. The token is good for this session's control only. */
export interface HookEndpoint {
  /** `http://127.0.0.1:PORT/control/v1/sessions/ID/hook/prompt` */
  readonly url: string;
  readonly token: string;
}

export interface LaunchSession {
  readonly id: string;
  /** Base URL with the secret path. */
  readonly url: string;
  /**
   * The client is to use its own login: no credential variable is set. To be set for a subscription profile, and for
   * every dynamic session that may come to one when `findLogin` says that there is one.
   */
  readonly subscription: boolean;
  readonly dynamic: boolean;
  /** Nobody but Anthropic can come to serve it. */
  readonly anthropicOnly: boolean;
  /** Empty where the client's own names are to stay, as for the subscription. */
  readonly slots: Partial<Readonly<Record<Family, SlotDeclaration>>>;
  readonly pickerRows: readonly PickerRow[];
  readonly shims: readonly Shim[];
}

/** What the start line tells. */
export interface StartLine {
  readonly profile: string;
  /** Upstream host, with its port where it is not the scheme's own. */
  readonly host: string;
  readonly model: string;
  readonly port: number;
}

export interface LaunchRequest {
  /** Path of the client; found by `findClaude` when left out. */
  readonly claude?: string;
  /** The client's arguments. */
  readonly args: readonly string[];
  readonly parentEnv: Variables;
  readonly cwd: string;
  readonly home: string;
  /** Command line that runs midswap itself. */
  readonly self: readonly [string, ...string[]];
  readonly version: string;
  /** `$STATE/run`: where the session's directory is made. */
  readonly runtimeRoot: string;
  readonly session: LaunchSession;
  readonly startLine: StartLine;
  /** `auto` shows the start line where a person looks at it. */
  readonly announce?: 'auto' | 'always' | 'never';
  /** Names of variables that hold keys: none reaches the client. */
  readonly sensitiveVariables: readonly string[];
  readonly hook: HookEndpoint;
  /** The gateway ends with the client. `false` for one that runs on its own. */
  readonly ownGateway: boolean;
  /** The client's process runs: for the registry. Must not throw: the terminal is the client's by now. */
  readonly onSpawn?: (pid: number) => void;
  /** The client has ended: drain and end the gateway. Awaited before `launch` resolves. */
  readonly onExit?: () => Promise<void>;
}
