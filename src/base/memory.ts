/**
 * Gives a stream's buffer back at once. V8 would let tens of megabytes of them pile up in each thread, and then stop the
 * thread to collect. Only for whoever used it last: all views of the buffer are empty afterwards. Left alone are a view
 * that does not reach to the buffer's end, for the stream may be filling the rest, and one of what small buffers share.
 */
export function letGo(bytes: ArrayBufferView): void {
  const { buffer, byteOffset, byteLength } = bytes;
  const isLast = byteOffset + byteLength === buffer.byteLength;
  // no slice of Node's pool is as long as the pool
  const isOwn = byteOffset === 0 || buffer.byteLength > Buffer.poolSize;
  if (!isLast || !isOwn || !(buffer instanceof ArrayBuffer)) return;
  // not in Node 20: there the collector has to do
  buffer.transfer?.(0);
}
