/** Network namespaces, interfaces and packet filters. `linux/` is the real one. All calls are synchronous. */

/** Held by an fd, and by nothing in any mount table. It lives as long as the fd or a process in it. */
export interface NetworkNamespace extends Disposable {
  readonly fd: number;
  /** Where other processes of root open it while this one holds it: `/proc/PID/fd/N`. */
  readonly path: string;
  /** Of its file (stat(2)): the same for the same namespace. */
  readonly inode: number;
}
