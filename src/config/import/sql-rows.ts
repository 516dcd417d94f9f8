/**
 * Rows that a SQL text inserts into a table, by column: `INSERT INTO "t" ("a", "b") VALUES ('x', 1), (...);`. Without a
 * list of columns they are those of the table's `CREATE TABLE`. Only the form that SQLite's own dumps have: strings in
 * single quotes, doubled inside, numbers, NULL. Anything else ends the statement.
 */
export function rowsOfTable(sql: string, table: string): ReadonlyMap<string, string>[] {
  const name = `["'\`[]?${table}["'\`\\]]?`;
  const rows: ReadonlyMap<string, string>[] = [];
  const declared = declaredColumns(sql, name);
  const insert = new RegExp(`INSERT\\s+(?:OR\\s+\\w+\\s+)?INTO\\s+${name}\\s*(\\([^()]*\\))?\\s*VALUES\\s*`, 'gi');
  for (let found = insert.exec(sql); found; found = insert.exec(sql)) {
    const columns = found[1] === undefined ? declared : namesIn(found[1]);
    const reader = new ValueReader(sql, found.index + found[0].length);
    for (let values = reader.tuple(); values; values = reader.tuple()) {
      const pairs = values.flatMap((value, at): [string, string][] => {
        const column = columns[at];
        return column === undefined || value === undefined ? [] : [[column, value]];
      });
      rows.push(new Map(pairs));
    }
    insert.lastIndex = Math.max(reader.at, found.index + found[0].length);
  }
  return rows;
}

class ValueReader {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  /** The next `(…)`; `undefined` at the end of the statement. NULL is `undefined`. */
  tuple(): (string | undefined)[] | undefined {
    this.#skip(/[\s,]*/y);
    if (this.#text[this.at] !== '(') return undefined;
    this.at++;
    const values: (string | undefined)[] = [];
    for (;;) {
      this.#skip(/\s*/y);
      const value = this.#skip(/'(?:[^']|'')*'|[A-Za-z0-9_.+-]+/y);
      if (value === '') return undefined;
      if (value.startsWith("'")) values.push(value.slice(1, -1).replaceAll("''", "'"));
      else values.push(/^null$/i.test(value) ? undefined : value);
      this.#skip(/\s*/y);
      const next = this.#text[this.at];
      this.at++;
      if (next === ')') return values;
      if (next !== ',') return undefined;
    }
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }
}

function declaredColumns(sql: string, name: string): string[] {
  const start = new RegExp(`CREATE\\s+TABLE\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?${name}\\s*\\(`, 'i').exec(sql);
  if (!start) return [];
  const from = start.index + start[0].length;
  let depth = 1;
  let end = from;
  while (end < sql.length && depth > 0) {
    if (sql[end] === '(') depth++;
    else if (sql[end] === ')') depth--;
    end++;
  }
  const flat = sql.slice(from, end - 1).replace(/\([^()]*\)/g, '');
  return namesIn(`(${flat})`).filter((column) => !/^(?:primary|foreign|unique|check|constraint)$/i.test(column));
}

/** The first word of each part. */
function namesIn(list: string): string[] {
  return list
    .slice(1, -1)
    .split(',')
    .flatMap((part) => /[A-Za-z_]\w*/.exec(part)?.[0] ?? []);
}
