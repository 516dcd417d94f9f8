/** Which pages a tool may bring: entries such as `example.com`, `docs.example.com/guide`; subdomains are included. */
export interface DomainRules {
  /** Nothing else, where there are any. */
  readonly allowed: readonly (readonly string[])[];
  readonly blocked: readonly string[];
}

/** Every list of allowed domains has to agree, and no list of blocked ones may object. */
export function isDomainAllowed(url: URL, rules: DomainRules): boolean {
  if (rules.blocked.some((entry) => matches(url, entry))) return false;
  return rules.allowed.every((list) => list.length === 0 || list.some((entry) => matches(url, entry)));
}

function matches(url: URL, entry: string): boolean {
  const place = URL.parse(`${url.protocol}//${entry.replace(/^[a-z]+:\/\//i, '').replace(/^\*\./, '')}`);
  if (place === null) return false;
  const host = withoutDot(url.hostname);
  const wanted = withoutDot(place.hostname);
  if (host !== wanted && !host.endsWith(`.${wanted}`)) return false;
  const prefix = place.pathname.replace(/\*+$/, '').replace(/\/+$/, '');
  return prefix === '' || url.pathname === prefix || url.pathname.startsWith(`${prefix}/`);
}

/** `example.com.` is the same host. */
function withoutDot(host: string): string {
  return host.replace(/\.$/, '');
}
