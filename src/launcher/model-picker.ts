import { FAMILY_SLOTS } from '../core/slot.ts';
import type { LaunchSession } from './request.ts';

/** A row of the client's `modelPicker` setting. */
export interface PickerOption {
  readonly model: string;
  readonly label: string;
  readonly description: string;
  readonly behavesAs: string;
}

/** Marks a row's model as an explicit reference: the gateway takes what follows as `use` would. */
const ROW_PREFIX = 'claude/';

/**
 * The model whose capabilities an unknown name gets: it silences the client's warning and asks for nothing that came
 * later. Where the client knows a name by itself it ignores this.
 */
const BEHAVES_AS = 'claude-sonnet-5';

/**
 * Rows for the client's `/model`: those of the slots bear the slots' own names, so that they name the entries that are
 * there (and the header) and add none; then every profile and alias.
 */
export function pickerOptions({ slots, pickerRows }: Pick<LaunchSession, 'slots' | 'pickerRows'>): PickerOption[] {
  const options = new Map<string, PickerOption>();
  const add = (model: string, label: string, description: string) => {
    if (!options.has(model)) options.set(model, { model, label, description, behavesAs: BEHAVES_AS });
  };
  for (const family of FAMILY_SLOTS) {
    const slot = slots[family];
    if (slot) add(slot.id, slot.label, slot.description);
  }
  for (const row of pickerRows) add(`${ROW_PREFIX}${row.reference}`, row.label, row.description);
  return [...options.values()];
}
