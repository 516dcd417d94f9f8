import { createHash } from 'node:crypto';
import type { ChatQuirks } from '../../core/target.ts';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * The id of a tool call as the target takes it. A legal id stays as it is; any other becomes a hash of itself, so that
 * call and result agree in every request without memory. `occurrence` tells calls of one turn apart that share an id.
 */
export function toolIdMapper(quirks: ChatQuirks): ToolIdMapper {
  let mapper = MAPPERS.get(quirks);
  if (mapper === undefined) {
    mapper = makeMapper(quirks);
    MAPPERS.set(quirks, mapper);
  }
  return mapper;
}

type ToolIdMapper = (id: string, occurrence?: number) => string;

/** One for each target: an expression is compiled when it is made. */
const MAPPERS = new WeakMap<ChatQuirks, ToolIdMapper>();

function makeMapper(quirks: ChatQuirks): ToolIdMapper {
  const pattern = new RegExp(quirks.toolIdPattern, 'u');
  const isLegal = (id: string): boolean => id.length <= quirks.toolIdMaxLength && pattern.test(id);
  return (id, occurrence = 0) => {
    if (occurrence === 0 && isLegal(id)) return id;
    const hash = base62(occurrence === 0 ? id : `${id}\u0000${occurrence}`);
    const shapes = [`call_${hash.slice(0, 24)}`, hash.slice(0, quirks.toolIdMaxLength), hash.slice(0, 9)];
    return shapes.find(isLegal) ?? hash.slice(0, quirks.toolIdMaxLength);
  };
}

function base62(text: string): string {
  let out = '';
  for (const byte of createHash('sha256').update(text, 'utf8').digest()) out += BASE62[byte % 62];
  return out;
}
