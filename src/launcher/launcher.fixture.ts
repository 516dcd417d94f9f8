import type { LaunchSession, SlotDeclaration } from './request.ts';

export function slot(id: string, contextWindow?: number): SlotDeclaration {
  return { id, label: `label of ${id}`, description: `description of ${id}`, contextWindow };
}

/** A dynamic session at a third party, with every slot declared. */
export const SESSION: LaunchSession = {
  id: 'k3f9',
  url: 'http://127.0.0.1:55240/s/secret-of-the-session',
  subscription: false,
  dynamic: true,
  anthropicOnly: false,
  slots: {
    opus: slot('claude-opus-5', 200_000),
    sonnet: slot('claude-sonnet-5', 131_072),
    haiku: slot('claude-haiku-5', 32_768),
    fable: slot('claude-fable-5'),
  },
  pickerRows: [{ reference: 'minimax', label: 'minimax', description: 'MiniMax-M2.5 at api.minimax.io' }],
  shims: [],
};

export const SUBSCRIPTION: LaunchSession = { ...SESSION, subscription: true, anthropicOnly: true, slots: {} };
