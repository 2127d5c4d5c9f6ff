/** `10.0.0.1:80`, `[::1]:80`, `name:80` */
export function hostAndPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
