import type { Credential, Target } from '../core/target.ts';

/** Whether two targets are the same model at the same place, paid with the same credential. */
export function sameTarget(a: Target, b: Target): boolean {
  return (
    a === b ||
    (a.provider === b.provider &&
      a.model === b.model &&
      a.endpoint.protocol === b.endpoint.protocol &&
      a.endpoint.baseUrl === b.endpoint.baseUrl &&
      sameCredential(a.credential, b.credential))
  );
}

function sameCredential(a: Credential, b: Credential): boolean {
  if (a.kind !== 'keys' || b.kind !== 'keys') return a.kind === b.kind;
  return a.keys.length === b.keys.length && a.keys.every((key, at) => key.origin === b.keys[at]?.origin);
}
