/** What else a client serves on its session: secrets, agents, credentials, a tar from its standard input. */
import { agentSocket } from '../base/agent-socket.ts';
import { drained } from '../base/drained.ts';
import { EngineError } from '../base/errors.ts';
import type { SshSocket } from '../build/contract.ts';
import type { Credentials } from '../image/contract.ts';
import { CODES, GrpcError } from './grpc-status.ts';
import type { Session } from './sessions.ts';

/** Undefined where the client has no such secret. */
export async function secretOf(session: Session, id: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const method = session.offered('moby.buildkit.secrets.v1.Secrets', 'GetSecret');
  if (method === undefined) return undefined;
  try {
    return (await session.call(method, { ID: id }, signal))['data'] as Buffer;
  } catch (error) {
    if (error instanceof GrpcError && error.code === CODES.NOT_FOUND) return undefined;
    throw error;
  }
}

/** For a registry's host, as its client knows them. Undefined where it knows none. */
export async function credentialsOf(session: Session, host: string, signal: AbortSignal): Promise<Credentials | undefined> {
  const method = session.offered('moby.filesync.v1.Auth', 'Credentials');
  if (method === undefined) return undefined;
  // the client keeps Docker's own registry under the name that it had first
  const asked = host === 'docker.io' || host === 'index.docker.io' ? 'registry-1.docker.io' : host;
  const answer = await session.call(method, { Host: asked }, signal);
  const [username, secret] = [answer['Username'] as string, answer['Secret'] as string];
  if (username === '' && secret === '') return undefined;
  // without a name it is an identity token, as in Docker's own config
  return username === '' ? { identityToken: secret } : { username, password: secret };
}

/** A socket in `run` that leads to the client's agent. Undefined where it has no such agent. */
export async function sshSocketOf(session: Session, id: string, run: string, signal: AbortSignal): Promise<SshSocket | undefined> {
  const check = session.offered('moby.sshforward.v1.SSH', 'CheckAgent');
  const forward = session.offered('moby.sshforward.v1.SSH', 'ForwardAgent');
  if (check === undefined || forward === undefined) return undefined;
  try {
    await session.call(check, { ID: id }, signal);
  } catch (error) {
    if (error instanceof GrpcError && error.code !== CODES.UNAVAILABLE && error.code !== CODES.CANCELLED) return undefined;
    throw error;
  }
  return agentSocket(run, (socket) => {
    const call = session.client.stream(forward.path, { metadata: { 'buildkit.ssh.id': id }, signal });
    socket.on('data', (data) => {
      if (call.write(forward.request.encode({ data }))) return;
      socket.pause();
      void call.drained().then(() => socket.resume());
    });
    socket.once('end', () => call.end());
    socket.once('close', () => call.cancel());
    const back = async (): Promise<void> => {
      for await (const messages of call.batches()) {
        for (const each of messages) socket.write(forward.response.decode(each)['data'] as Buffer);
        await drained(socket); // a step may ask without end, and read no answer
      }
    };
    back().then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
}

/** What the client reads from its standard input. `path` is of the URL that it made up: `http://buildkit-session/…`. */
export async function* uploadOf(session: Session, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const method = session.method('moby.upload.v1.Upload', 'Pull');
  if (!/^[\w./-]+$/.test(path)) throw new EngineError('invalid', `${JSON.stringify(path)} is no path of an upload`);
  const call = session.client.stream(method.path, { metadata: { urlpath: path, urlhost: 'buildkit-session' }, signal });
  for await (const messages of call.batches()) for (const each of messages) yield method.response.decode(each)['data'] as Buffer;
}
