const REDACTED = '[redacted]';

/** Shapes that credentials have, each within a line. Each is replaced whole but for what says which kind it is. */
const PATTERNS: readonly [RegExp, string][] = [
  [/\b(Bearer|Basic)[ \t]+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\b(sk|pk|rk|gsk|hf|xai|nvapi|pplx|tgp|csk|fw|glpat|ghp|gho|github_pat)([-_])[A-Za-z0-9_-]{8,}/g, `$1$2${REDACTED}`],
  [/\bAIza[A-Za-z0-9_-]{20,}/g, REDACTED],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REDACTED],
  [
    /(["']?(?:api[-_]?key|x-api-key|authorization|password|secret|access[-_]?token|auth[-_]?token)["']?[ \t]*[:=][ \t]*["']?)[^\s"',;&}]{6,}/gi,
    `$1${REDACTED}`,
  ],
  [/(\/s\/)[A-Za-z0-9_-]{32,}/g, `$1${REDACTED}`],
  [/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, `$1${REDACTED}@`],
];

/** Text that is safe in a log or an error: credential shapes and the given values replaced. */
export function redact(text: string, values: readonly string[] = []): string {
  let out = text;
  for (const value of values) if (value.length >= 6) out = out.replaceAll(value, REDACTED);
  for (const [pattern, replacement] of PATTERNS) out = out.replace(pattern, replacement);
  return out;
}

/** The first `limit` characters, redacted, on one line. */
export function excerpt(text: string, limit = 300): string {
  const flat = redact(text).replace(/\s+/g, ' ').trim();
  return flat.length > limit ? `${flat.slice(0, limit)}…` : flat;
}
