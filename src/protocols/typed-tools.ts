import type { Tool } from '../core/messages.ts';

interface FunctionShape {
  readonly description: string | undefined;
  readonly parameters: unknown;
}

const text = (description: string): Record<string, unknown> => ({ type: 'string', description });

/**
 * Tools that the client runs but whose schema only Anthropic's models know by heart. Written by hand after
 * docs.claude.com/en/docs/agents-and-tools; without a schema a model calls them with nothing.
 */
const CLIENT_TOOLS: readonly { readonly prefix: string; readonly shape: FunctionShape }[] = [
  {
    prefix: 'bash_',
    shape: {
      description: 'Runs a command in a persistent bash session.',
      parameters: {
        type: 'object',
        properties: {
          command: text('The command to run.'),
          restart: { type: 'boolean', description: 'Starts the session anew instead of running a command.' },
        },
      },
    },
  },
  {
    prefix: 'text_editor_',
    shape: {
      description: 'Views, creates and edits text files.',
      parameters: {
        type: 'object',
        properties: {
          command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'], description: 'What to do.' },
          path: text('Path of the file or directory.'),
          file_text: text('Content of the file, for create.'),
          old_str: text('Text to replace, for str_replace. It must occur exactly once.'),
          new_str: text('The text that replaces it, for str_replace.'),
          insert_line: {
            type: 'integer',
            description: 'Line after which the text goes, for insert. 0 is the beginning.',
          },
          insert_text: text('Text to insert, for insert.'),
          view_range: { type: 'array', items: { type: 'integer' }, description: 'First and last line, for view.' },
        },
        required: ['command', 'path'],
      },
    },
  },
  {
    prefix: 'memory_',
    shape: {
      description: 'Keeps notes in files under /memories.',
      parameters: {
        type: 'object',
        properties: {
          command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
          path: text('Path of the file or directory.'),
          file_text: text('Content of the file, for create.'),
          old_str: text('Text to replace, for str_replace.'),
          new_str: text('The text that replaces it, for str_replace.'),
          insert_line: { type: 'integer', description: 'Line after which the text goes, for insert.' },
          insert_text: text('Text to insert, for insert.'),
          old_path: text('Path before, for rename.'),
          new_path: text('Path after, for rename.'),
          view_range: { type: 'array', items: { type: 'integer' }, description: 'First and last line, for view.' },
        },
        required: ['command'],
      },
    },
  },
];

/** What Anthropic runs itself, or what no function can stand for (a screen). */
export function isServerTool(tool: Tool): boolean {
  const { type } = tool;
  if (type === undefined || type === null || type === 'custom' || type === 'function') return false;
  return shapeOf(type) === undefined && tool.input_schema === undefined;
}

/** Known by its type alone. */
export function isTypedTool(tool: Tool): boolean {
  return typeof tool.type === 'string' && tool.input_schema === undefined && shapeOf(tool.type) !== undefined;
}

/** Description and parameters of a tool that goes upstream as a function. */
export function clientToolSchema(tool: Tool): FunctionShape {
  const known = typeof tool.type === 'string' && tool.input_schema === undefined ? shapeOf(tool.type) : undefined;
  return known ?? { description: undefined, parameters: tool.input_schema };
}

function shapeOf(type: string): FunctionShape | undefined {
  return CLIENT_TOOLS.find(({ prefix }) => type.startsWith(prefix))?.shape;
}
