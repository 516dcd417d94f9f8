import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MidswapError } from '../../core/errors.ts';

const SIGN = 'SQLite format 3\0';

/** Whether the file begins as a SQLite database does. False for what cannot be read. */
export function isDatabase(file: string): boolean {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const head = Buffer.alloc(SIGN.length);
    return readSync(descriptor, head) === SIGN.length && head.toString('latin1') === SIGN;
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * One table of a SQLite database as `INSERT` statements. A copy is opened, so that neither the file nor the journal beside
 * it is touched. Empty when there is no such table. Throws `config_unreadable`.
 */
export async function dumpTable(file: string, table: string): Promise<string> {
  const { DatabaseSync } = await import('node:sqlite');
  const directory = mkdtempSync(join(tmpdir(), 'midswap-import-'));
  try {
    const copy = join(directory, 'copy.db');
    copyFileSync(file, copy);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`);
    const database = new DatabaseSync(copy);
    try {
      const known = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
      if (known === undefined) return '';
      const rows = database.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[];
      return rows.map((row) => insertOf(table, row)).join('\n');
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new MidswapError('config_unreadable', `${file} cannot be read as a database`, {
      hint: 'Export the providers as SQL in the other tool, and give the path of that file.',
      cause,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function insertOf(table: string, row: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(row).filter(([, value]) => ['string', 'number', 'bigint'].includes(typeof value));
  const columns = shown.map(([column]) => `"${column}"`).join(', ');
  const values = shown.map(([, value]) =>
    typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value),
  );
  return `INSERT INTO "${table}" (${columns}) VALUES (${values.join(', ')});`;
}
