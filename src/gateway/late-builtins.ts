/**
 * Parts of the runtime that take longer to load than most of midswap, and that many gateways never need: they come with
 * their first use, which may be in the middle of something that cannot wait for an `import()`.
 */
export function lateHttp() {
  return process.getBuiltinModule('node:http');
}

export function lateZlib() {
  return process.getBuiltinModule('node:zlib');
}
