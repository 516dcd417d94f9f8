import { modelData } from '../../src/catalogue/models.ts';
import { modelQuirksOf } from '../../src/catalogue/provider.ts';
import { findProvider } from '../../src/catalogue/providers.ts';
import { mergeQuirks } from '../../src/catalogue/quirks.ts';
import type { Target } from '../../src/core/target.ts';
import { chatTarget } from './chat-target.ts';

/** The Chat Completions target of a provider, with everything that the catalogue says of it and of the model. */
export function chatProvider(id: string, model = 'some-model'): Target {
  const entry = findProvider(id);
  if (entry === undefined) throw new Error(`no provider ${id}`);
  const target = chatTarget({}, { provider: id, model, data: modelData(id, model) });
  return { ...target, quirks: mergeQuirks(target.quirks, entry.quirks, modelQuirksOf(entry, model)) };
}
