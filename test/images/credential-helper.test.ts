import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import { findCredentials, parseCredentialConfig } from '../../src/image/registry/credentials.ts';
import { credentialHelper } from '../../src/kernel/linux/credential-helper.ts';
import { tempFor } from '../support/temp.ts';

test('a real helper is asked for the registry, on its stdin', async (t) => {
  const folder = tempFor(t);
  writeFileSync(
    `${folder}/docker-credential-mine`,
    `#!/bin/sh
[ "$1" = get ] || exit 9
read -r server
case $server in
  known.io) printf '{"ServerURL":"%s","Username":"me","Secret":"s3cret"}' "$server" ;;
  loud.io) while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`,
  );
  chmodSync(`${folder}/docker-credential-mine`, 0o755);
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  const helper = (name: string, server: string) => credentialHelper(name, server, env);
  const config = parseCredentialConfig(Buffer.from('{"credsStore":"mine","credHelpers":{"gone.io":"gone"}}'));
  assert.deepEqual(JSON.parse(JSON.stringify(await findCredentials(config, 'known.io', helper))), { username: 'me', password: 's3cret' });
  assert.equal(await findCredentials(config, 'other.io', helper), undefined);
  await assert.rejects(findCredentials(config, 'loud.io', helper), (error) => error instanceof EngineError && error.kind === 'unavailable');
  await assert.rejects(
    findCredentials(config, 'gone.io', helper),
    /error getting credentials - err: exec: "docker-credential-gone": executable file not found in \$PATH/,
  );
});
