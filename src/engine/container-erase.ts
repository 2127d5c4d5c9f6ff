/** A container's folder, on its way out. */
import { readdirSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';

const LARGE_FILE = 1 << 20;
/** What is written by us alone and never large. */
const SMALL = new Set(['container.json', 'exit.json', 'spec.json', 'hostname', 'hosts', 'resolv.conf']);

/** At once where that is quick; large files, as logs are, on another thread. */
export async function erase(folder: string): Promise<void> {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) rmdirSync(path);
      else if (!SMALL.has(entry.name) && statSync(path).size > LARGE_FILE) await rm(path);
      else unlinkSync(path);
    }
    rmdirSync(folder);
  } catch {
    // something else than usual is in it, or another process is at it
    rmSync(folder, { recursive: true, force: true });
  }
}
