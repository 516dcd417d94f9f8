import type { Transform } from 'node:stream';
import { lateZlib } from '../late-builtins.ts';

/** Undoes a content coding, and gives what it has as soon as it can; `undefined` for none, and for one that is not
 * known. */
export function decoderOf(encoding: string): Transform | undefined {
  const coding = encoding.trim().toLowerCase();
  if (coding === '') return undefined;
  const { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress, constants } = lateZlib();
  const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  const brotliFlush = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(flush);
    case 'deflate':
      return createInflate(flush);
    case 'br':
      return createBrotliDecompress(brotliFlush);
    case 'zstd':
      return createZstdDecompress({ finishFlush: constants.ZSTD_e_flush });
    default:
      return undefined;
  }
}
