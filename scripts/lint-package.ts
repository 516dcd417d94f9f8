import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { buildBundle } from './build.ts';
import { PROJECT_ROOT } from './layers.ts';

/** Lints the package as it would be published, from a copy: `dist` may be missing or old here. */
const stage = mkdtempSync(join(tmpdir(), 'midswap-package-'));
try {
  buildBundle(join(stage, 'dist'));
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    if (existsSync(join(PROJECT_ROOT, name))) cpSync(join(PROJECT_ROOT, name), join(stage, name));
    else report(`${name} is missing`);
  }
  const { messages, pkg } = await publint({ pkgDir: stage, pack: false, strict: true });
  for (const message of messages) report(formatMessage(message, pkg ?? {}, { color: false }) ?? message.code);
} finally {
  rmSync(stage, { recursive: true, force: true });
}

function report(text: string): void {
  console.log(text);
  process.exitCode = 1;
}
