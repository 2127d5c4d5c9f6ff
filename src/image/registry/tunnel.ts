/** Connections through a proxy: CONNECT (RFC 9110, 9.3.6), or SOCKS. */
import { type Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { hostAndPort } from '../../base/host-and-port.ts';
import { NetworkError, networkError, safeUrl, statusText } from './network-error.ts';
import { proxyAuthorization } from './proxy.ts';
import { connectSocks, isSocks } from './socks.ts';

/** Makes an agent open its connections through `proxy`: with TLS inside of them where it is an agent for that. */
export function tunnel(agent: HttpAgent | HttpsAgent, proxy: URL, timeoutMs: number): void {
  const opened = agent as unknown as { createConnection(options: ConnectionOptions, done: (error: Error | null, socket?: Socket) => void): void };
  const secure = agent instanceof HttpsAgent;
  opened.createConnection = (options, done) => {
    const open = async () => {
      try {
        const host = options.host!;
        const port = Number(options.port);
        const socket = isSocks(proxy) ? await connectSocks(proxy, host, port, timeoutMs) : await openTunnel(proxy, hostAndPort(host, port), timeoutMs);
        if (!secure) return done(null, socket);
        const servername = options.servername ?? (isIP(options.host!) === 0 ? options.host! : '');
        // handed on at once: whoever waits for `secureConnect` sees what becomes of it
        done(null, tlsConnect({ ...options, socket, servername, path: undefined } as ConnectionOptions));
      } catch (error) {
        done(error as Error);
      }
    };
    void open();
  };
}

function openTunnel(proxy: URL, target: string, timeoutMs: number): Promise<Socket> {
  const authorization = proxyAuthorization(proxy);
  return new Promise((resolve, reject) => {
    const asked = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      agent: false,
      headers: { host: target, ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }) },
    });
    const fail = (words: string, passing = false) => {
      clearTimeout(timer);
      asked.destroy();
      reject(new NetworkError(`proxyconnect tcp: ${safeUrl(proxy)}: ${words}`, { code: 'PROXY', passing }));
    };
    const timer = setTimeout(() => fail(`no tunnel to ${target} within ${timeoutMs} ms`, true), timeoutMs);
    asked.once('connect', (answer, socket: Socket, head) => {
      clearTimeout(timer);
      if (answer.statusCode !== 200) {
        socket.destroy();
        return fail(statusText(answer.statusCode ?? 0));
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.once('response', (answer) => fail(statusText(answer.statusCode ?? 0)));
    asked.once('error', (error) => {
      clearTimeout(timer);
      const described = networkError('CONNECT', proxy, error);
      reject(
        new NetworkError(
          described.message.replace(/^Connect "[^"]*"/, 'proxyconnect tcp'),
          { code: described.detail!.code, passing: described.detail!.passing },
          { cause: error },
        ),
      );
    });
    asked.end();
  });
}
