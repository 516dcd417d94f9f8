/**
 * Why a search or a fetch gave nothing, in the words of the Messages API (`error_code` of
 * `web_search_tool_result_error` and `web_fetch_tool_result_error`).
 */
export type ToolErrorCode =
  | 'invalid_tool_input'
  | 'max_uses_exceeded'
  | 'too_many_requests'
  | 'unavailable'
  | 'query_too_long'
  | 'url_too_long'
  | 'url_not_allowed'
  | 'url_not_in_prior_context'
  | 'url_not_accessible'
  | 'unsupported_content_type'
  | 'content_too_large';

/** `message` is for the model; it names no key and no address behind a name. */
export interface ToolFault {
  readonly code: ToolErrorCode;
  readonly message: string;
}

export function toolFault(code: ToolErrorCode, message: string): ToolFault {
  return { code, message };
}

export function isToolFault(value: object): value is ToolFault {
  return 'code' in value && 'message' in value;
}
