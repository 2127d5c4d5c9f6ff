/** The cgroup file systems of this machine, by synchronous calls: each takes microseconds. */
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeSync, closeSync, constants } from 'node:fs';

/** `CgroupFiles` of cgroup/contract.ts. */
export const linuxCgroupFiles = {
  read(path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  write(path: string, text: string): void {
    // not writeFileSync: O_TRUNC and O_CREAT have no business here, and a limit must be one write
    const fd = openSync(path, constants.O_WRONLY);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  },
  exists: existsSync as (path: string) => boolean,
  mkdir(path: string): void {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  },
  rmdir(path: string): void {
    try {
      rmdirSync(path);
    } catch {
      // in use, or gone already
    }
  },
  list(path: string): string[] {
    try {
      return readdirSync(path, { withFileTypes: true }).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    } catch {
      return [];
    }
  },
};
