/** A machine, and who one is there, as ssh(1) takes them. */
export interface SshTarget {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}
