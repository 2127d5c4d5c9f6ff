/** Mounts that are attached nowhere: to try what the kernel can do. Nobody else ever sees them. */

export interface DetachedMounts {
  /**
   * Mounts a file system read-only, reads one file of it, and lets the mount go. Strings are of 255 bytes at most
   * (fsconfig(2)). Throws SyscallError of the call that failed.
   */
  readFile(type: string, options: readonly (readonly [key: string, value: string])[], path: string): Buffer;
}
