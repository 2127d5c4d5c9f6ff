import { ftruncateSync, writeSync } from 'node:fs';
import type { RawFiles } from '../kernel/files-contract.ts';

/** Bytes of room that are taken ahead. */
const AHEAD = 16 << 20;
/** Bytes after which what has been written is sent to the disk. */
const BATCH = 8 << 20;

/**
 * A file that is written from some place to its end, and that is probably large. Room is taken ahead: writing to what has
 * its place costs ext4 a fifth, for otherwise it puts a block aside for each page. And what has been written is on its
 * way to the disk while more comes, so that the sync at the end has little left to do. The fd stays the caller's.
 */
export class LargeFile {
  readonly #files: RawFiles;
  readonly #fd: number;
  #position: number;
  #reserved: number;
  #sent: number;
  #sending = false;

  constructor(files: RawFiles, fd: number, position = 0) {
    this.#files = files;
    this.#fd = fd;
    this.#position = this.#reserved = this.#sent = position;
  }

  write(bytes: Uint8Array): void {
    // a file of one piece is written as it comes
    if (this.#position > 0 && this.#position + bytes.length > this.#reserved) {
      this.#files.reserve(this.#fd, this.#position, bytes.length + AHEAD);
      this.#reserved = this.#position + bytes.length + AHEAD;
    }
    for (let at = 0; at < bytes.length;) {
      const count = writeSync(this.#fd, bytes, at, bytes.length - at, this.#position);
      at += count;
      this.#position += count;
    }
    if (this.#position - this.#sent >= BATCH && !this.#sending) this.#send();
  }

  /** Gives back the room that was not used. Not for a file that something else writes to as well. */
  end(): void {
    if (this.#reserved > this.#position) ftruncateSync(this.#fd, this.#position);
    this.#reserved = this.#position;
  }

  #send(): void {
    this.#sending = true;
    this.#files.startWriteback(this.#fd, this.#sent, this.#position - this.#sent, () => (this.#sending = false));
    this.#sent = this.#position;
  }
}
