/** The machine's ssh as the way to a daemon elsewhere: its own configuration, keys, agent and known hosts. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { SshTarget } from '../../base/ssh-target.ts';

/** With the connection as both its streams; why it failed is an answer of HTTP, which whoever waits there for one reads. */
const SCRIPT = `
said=$("$@" <&3 2>&1 >&3 3>&-)
code=$?
[ $code -eq 0 ] && exit
said="exit status $code: $said" LC_ALL=C
printf 'HTTP/1.1 502 Bad Gateway\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "\${#said}" "$said" >&3
# who still writes must come to read it
exec cat <&3 >/dev/null`;

/** A connection to the standard streams of a command there (a line for its shell). It asks for nothing; passwords and keys are ssh's affair. */
export function sshConnection({ host, user, port }: SshTarget, command: string): Socket {
  const to = [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)])];
  const args = ['ssh', ...to, '-o', 'ConnectTimeout=30', '-T', '--', host, command];
  // a group of their own, which ends as one; docker's have no terminal either
  const child = spawn('sh', ['-c', SCRIPT, 'sh', ...args], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'], detached: true });
  const socket = child.stdio[3] as Socket;
  child.on('error', (error) => socket.destroy(error));
  // what keeps the program alive is the connection
  child.unref();
  socket.once('close', () => {
    // once it has ended, the others had before it, and its number may be anybody's
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // they are ending
    }
  });
  return socket;
}
