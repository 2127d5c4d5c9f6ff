/** One piece of output in Docker's stream framing: an 8-byte header, then the bytes. */
export function framed(stream: 'stdout' | 'stderr', payload: string | Uint8Array): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
  const frame = Buffer.allocUnsafe(8 + length);
  frame.writeUInt32BE((stream === 'stdout' ? 1 : 2) << 24, 0);
  frame.writeUInt32BE(length, 4);
  if (typeof payload === 'string') frame.write(payload, 8);
  else frame.set(payload, 8);
  return frame;
}
