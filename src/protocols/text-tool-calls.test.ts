import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TextToolCallFormat } from '../core/target.ts';
import { TextToolCalls } from './text-tool-calls.ts';

const SCHEMAS = new Map<string, unknown>([
  [
    'Read',
    {
      type: 'object',
      properties: { file_path: { type: 'string' }, limit: { type: 'integer' }, on: { type: 'boolean' } },
    },
  ],
]);
const ALL: readonly TextToolCallFormat[] = [
  'kimi',
  'dsml',
  'deepseek',
  'qwen-xml',
  'hermes',
  'glm',
  'minimax',
  'llama',
  'mistral',
  'harmony',
];

/** Text as it is, calls as `Read{...}`. */
function read(pieces: readonly string[], formats: readonly TextToolCallFormat[] = ALL): string[] {
  const calls = new TextToolCalls(formats, (name) => SCHEMAS.get(name));
  const out: string[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') out.push(text);
    text = '';
  };
  for (const item of [...pieces.flatMap((piece) => calls.push(piece)), ...calls.end()]) {
    if (item.kind === 'text') text += item.text;
    else {
      flush();
      out.push(`${item.call.name}${item.call.arguments}`);
    }
  }
  flush();
  return out;
}

const SAMPLES: readonly (readonly [TextToolCallFormat, string])[] = [
  [
    'kimi',
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.Read:0<|tool_call_argument_begin|>{"file_path":"a"}<|tool_call_end|><|tool_calls_section_end|>',
  ],
  ['kimi', '<|tool_call_begin|>functions.Read:0<|tool_call_argument_begin|>{"file_path":"a"}<|tool_call_end|>'],
  [
    'dsml',
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="Read">\n<｜DSML｜parameter name="file_path" string="true">a</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
  ],
  [
    'deepseek',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>Read\n```json\n{"file_path":"a"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
  ],
  [
    'deepseek',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>Read<｜tool▁sep｜>{"file_path":"a"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
  ],
  ['qwen-xml', '<tool_call>\n<function=Read>\n<parameter=file_path>\na\n</parameter>\n</function>\n</tool_call>'],
  ['qwen-xml', '<function=Read>\n<parameter=file_path>\na\n</parameter>\n</function>'],
  ['hermes', '<tool_call>\n{"name":"Read","arguments":{"file_path":"a"}}\n</tool_call>'],
  ['glm', '<tool_call>Read\n<arg_key>file_path</arg_key>\n<arg_value>a</arg_value>\n</tool_call>'],
  [
    'minimax',
    '<minimax:tool_call><invoke name="Read"><parameter name="file_path">a</parameter></invoke></minimax:tool_call>',
  ],
  ['llama', '<function=Read={"file_path":"a"}</function>'],
];

function holdsCall(text: string): boolean {
  const calls = new TextToolCalls(ALL, (name) => SCHEMAS.get(name));
  return [...calls.push(text), ...calls.end()].some(({ kind }) => kind === 'call');
}

describe('calls written as text', () => {
  it.each(SAMPLES)('%s', (format, sample) => {
    expect(read([sample], [format])).toEqual(['Read{"file_path":"a"}']);
    expect(read([...`I read. ${sample}\nDone.`])).toEqual(['I read. ', 'Read{"file_path":"a"}', 'Done.']);
  });

  it.each(SAMPLES)(
    '%s is text where it is not declared, cut, quoted or calls nothing that is there',
    (_format, sample) => {
      expect(read([sample], [])).toEqual([sample]);
      const half = sample.slice(0, sample.indexOf('file_path') + 4);
      expect(read([half])).toEqual([half]);
      const quoted = `Write \`${sample}\` or\n\`\`\`\n${sample}\n\`\`\`\nso.`;
      expect(read([quoted]).join('')).toBe(quoted);
      const unknown = sample.replaceAll('Read', 'Nothing');
      expect(read([unknown])).toEqual([unknown]);
    },
  );

  it('reads several calls', () => {
    const one = SAMPLES[7]?.[1] ?? '';
    expect(read([`${one}\n${one}`])).toEqual(['Read{"file_path":"a"}', 'Read{"file_path":"a"}']);
  });

  it.each<[TextToolCallFormat, string, string[]]>([
    ['llama', '<|python_tag|>{"name": "Read", "parameters": {"file_path":"a"}}', ['Read{"file_path":"a"}']],
    ['llama', 'I look. <|python_tag|>{"name":"Read","parameters":{}}<|eom_id|>', ['I look. ', 'Read{}']],
    ['llama', '<|python_tag|>{"name":"Read","parameters":{}}; {"name":"Read","parameters":{}}', ['Read{}', 'Read{}']],
    ['llama', '\n{"name": "Read", "parameters": {"file_path":"a"}}', ['\n', 'Read{"file_path":"a"}']],
    ['llama', '{"type":"function","name":"Read","parameters":{"file_path":"a"}}', ['Read{"file_path":"a"}']],
    ['llama', '{"type":"function","function":{"name":"Read","arguments":"{}"}}', ['Read{}']],
    ['mistral', '[TOOL_CALLS][{"name":"Read","arguments":{"file_path":"a"}}]', ['Read{"file_path":"a"}']],
    [
      'mistral',
      'Now. [TOOL_CALLS] [{"name":"Read","arguments":{}}, {"name":"Read","arguments":{}}]</s>',
      ['Now. ', 'Read{}', 'Read{}'],
    ],
    [
      'mistral',
      '[TOOL_CALLS]Read[ARGS]{"file_path":"a"}[TOOL_CALLS]Read[CALL_ID]abcdefghi[ARGS]{}',
      ['Read{"file_path":"a"}', 'Read{}'],
    ],
    ['mistral', '[TOOL_CALLS]Read{"file_path":"a"}', ['Read{"file_path":"a"}']],
    ['mistral', '[{"name": "Read", "arguments": {"file_path":"a"}}]', ['Read{"file_path":"a"}']],
    [
      'harmony',
      '<|channel|>commentary to=functions.Read <|constrain|>json<|message|>{"file_path":"a"}<|call|>',
      ['Read{"file_path":"a"}'],
    ],
    ['harmony', 'Go.<|start|>assistant<|channel|>commentary to=functions.Read<|message|>{}', ['Go.', 'Read{}']],
  ])('%s ends with the answer: %s', (format, sample, expected) => {
    expect(read([sample])).toEqual(expected);
    expect(read([...sample])).toEqual(expected);
    expect(read([sample], [format])).toEqual(expected);
    expect(read([sample], ['kimi'])).toEqual([sample]);
  });

  it.each([
    '{"name": "Nobody", "parameters": {}}',
    '{"name": "Read", "parameters": {}} is how it is called',
    'It is {"name": "Read", "parameters": {}}',
    '{"title": "Read"}',
    '{"name": "Read"}',
    '{"name": "Read", "parameters": {"file_path":"a',
    '[1, 2]',
    '[{"name": "Read"}]',
    '[TOOL_CALLS] is a token',
    '[TOOL_CALLS]Read[ARGS]{"file_path":',
    '`<|python_tag|>{"name":"Read","parameters":{}}`',
    '<|channel|>commentary to=functions.Read <|constrain|>json<|message|>{"a":',
    '<|channel|>final<|message|>done',
  ])('what only looks like one stays text: %s', (sample) => {
    expect(read([sample]).join('')).toBe(sample);
    expect(read([...sample]).join('')).toBe(sample);
  });

  it('gives values the type that the schema wants', () => {
    const sample =
      '<tool_call>Read<arg_key>file_path</arg_key><arg_value>12</arg_value><arg_key>limit</arg_key><arg_value>12</arg_value><arg_key>on</arg_key><arg_value>true</arg_value></tool_call>';
    expect(read([sample])).toEqual(['Read{"file_path":"12","limit":12,"on":true}']);
  });

  it('finds the end behind an end that stands in an argument', () => {
    expect(read(['<tool_call>{"name":"Read","arguments":{"file_path":"</tool_call>"}}</tool_call>'])).toEqual([
      'Read{"file_path":"</tool_call>"}',
    ]);
  });

  it('lets prose about tags pass at once', () => {
    const calls = new TextToolCalls(ALL, (name) => SCHEMAS.get(name));
    const shown = calls
      .push('The tag <tool_call> and others, with 3 < 4. ')
      .map((item) => (item.kind === 'text' ? item.text : ''));
    expect(shown.join('')).toBe('The tag <tool_call> and others, with 3 < 4. ');
  });

  it('gives the same for every split, and loses nothing of what is no call', () => {
    const token = fc.constantFrom(
      '<tool_call>',
      '</tool_call>',
      '{"name":"Read","arguments":{}}',
      '<function=',
      'Read',
      '</function>',
      'text ',
      '`',
      '\n',
      '<',
      '```',
      '<｜DSML｜function_calls>',
      '<|python_tag|>',
      '[TOOL_CALLS]',
      '[ARGS]',
      '{',
      '[',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.array(fc.nat(200), { maxLength: 8 }), (tokens, cuts) => {
        const whole = tokens.join('');
        const sorted = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
        const pieces = [...sorted, whole.length].map((end, at) => whole.slice(sorted[at - 1] ?? 0, end));
        expect(read(pieces)).toEqual(read([whole]));
        if (!holdsCall(whole)) expect(read([whole]).join('')).toBe(whole);
      }),
      { numRuns: 300 },
    );
  });

  it('takes linear time for a long call', () => {
    const piece = 'x'.repeat(100);
    const calls = new TextToolCalls(['hermes'], (name) => SCHEMAS.get(name));
    calls.push('<tool_call>{"name":"Read","arguments":{"file_path":"');
    const before = performance.now();
    for (let at = 0; at < 5_000; at += 1) calls.push(piece);
    expect(calls.push('"}}</tool_call>')).toHaveLength(1);
    expect(performance.now() - before).toBeLessThan(1_500);
  });
});
