/** What is wrong with a Dockerfile, told as Docker 28.5 with BuildKit tells it (recorded from `docker build`). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locationOf } from './failure.ts';
import { parseDockerfile } from './parse.ts';
import type { BaseImage } from './plan.ts';
import { planStages } from './plan-stages.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };

/** The lines that are marked; none where Docker marks none, or (directives) the wrong ones. */
const RECORDED: readonly (readonly [dockerfile: string, message: string, lines: readonly number[]])[] = [
  ['FROM b\nARG\n', 'dockerfile parse error on line 2: ARG requires at least one argument', [2]],
  ['FROM $nope\n', 'base name ($nope) should not be blank', [1]],
  ['FROM b\nADD --checksum=sha256:123 Dockerfile /\n', 'checksum requires HTTP(S) or Git sources', [2]],
  ['FROM b\nCOPY --chmod=999999 Dockerfile /\n', "invalid chmod parameter: '999999'. it should be octal string and between 0 and 07777", [2]],
  ['FROM b\nCOPY --chmod=zzz Dockerfile /\n', 'invalid syntax', [2]],
  ['FROM b AS x\nCOPY --from=y a b\nFROM b AS y\nCOPY --from=x a b\n', 'circular dependency detected on stage: x', []],
  [
    'FROM scratch\nCOPY a\n',
    'dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    [2],
  ],
  ['FROM b\nCOPY --from=5 a b\n', 'invalid stage index 5', []],
  ['FROM b AS x\nCOPY --from=y a b\nFROM b AS y\nFROM x\n', 'cannot copy from stage "y", it needs to be defined before current stage "x"', [2]],
  ['FROM b AS x\nCOPY --from=x a b\n', 'circular dependency detected on stage: x', []],
  ['FROM b\nCOPY http://x/y /\n', "source can't be a URL for COPY", [2]],
  [
    'ARG V=b\nFROM b\nCOPY --from=$V a b\n',
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    [],
  ],
  ['# escape=\\\n# escape=`\nFROM b\n', 'only one escape parser directive can be used', []],
  ['# nothing\n', 'file with no instructions', [1]],
  ['FROM scratch\nENV A\n', 'ENV must have two arguments', [2]],
  ['FROM scratch\nENV A=1 B\n', 'Syntax error - can\'t find = in "B". Must be of the form: name=value', [2]],
  ['FROM b\nENV =x\n', 'dockerfile parse error on line 2: ENV names can not be blank', [2]],
  ['# escape=x\nFROM b\n', "invalid escape token 'x' does not match ` or \\", []],
  ['FROM b\nEXPOSE 80/foo\n', 'invalid port: "80/foo": invalid proto: foo', [2]],
  ['FROM b\nEXPOSE 99999\n', 'invalid containerPort: 99999', [2]],
  ['FROM scratch\nCOPY --chwn=1 a b\n', 'dockerfile parse error on line 2: unknown flag: --chwn (did you mean chown?)', [2]],
  ['FROM scratch\nCOPY --link=foo a b\n', 'dockerfile parse error on line 2: expecting boolean value for flag --link, not: foo', [2]],
  ['FROM scratch\nCOPY --chown a b\n', 'dockerfile parse error on line 2: missing a value on flag: --chown', [2]],
  ['FROM scratch\nCOPY --chown=1 --chown=2 a b\n', 'dockerfile parse error on line 2: duplicate flag specified: --chown', [2]],
  ['FROM a b c\n', 'dockerfile parse error on line 1: FROM requires either one or three arguments', [1]],
  ['FROM b\nHEALTHCHECK --interval=1us CMD x\n', 'dockerfile parse error on line 2: Interval "interval" cannot be less than 1ms', [2]],
  ['FROM b\nHEALTHCHECK --interval=abc CMD x\n', 'dockerfile parse error on line 2: time: invalid duration "abc"', [2]],
  ['FROM b\nHEALTHCHECK FOO x\n', 'dockerfile parse error on line 2: Unknown type "FOO" in HEALTHCHECK (try CMD)', [2]],
  ['FROM b\nHEALTHCHECK --retries=x CMD a\n', 'dockerfile parse error on line 2: strconv.ParseInt: parsing "x": invalid syntax', [2]],
  ['FROM scratch\nRUN <<EOF2\nfoo\n', 'unterminated heredoc', [2, 3]],
  ['FROM scratch\nCMD [1, "a"]\n', 'when using JSON array syntax, arrays must be comprised of strings only', [2]],
  ['FROM b\nLABEL\n', 'dockerfile parse error on line 2: LABEL requires at least one argument', [2]],
  ['FROM b\nRUN --mount=type=tmpfs,target=/ true\n', 'invalid mount target "/"', [2]],
  ['FROM b\nRUN --mount=type=foo,target=/x true\n', 'unsupported mount type "foo"', [2]],
  ['FROM b\nRUN --mount=type=secret true\n', 'invalid secret mount. one of source, target required', [2]],
  ['FROM b\nRUN --mount=type=bind,targt=/x true\n', "unexpected key 'targt' in 'targt=/x' (did you mean target?)", [2]],
  [
    'FROM b\nRUN --mount=from=$x,target=/x true\n',
    "dockerfile parse error on line 2: 'from' doesn't support variable expansion, define alias stage instead",
    [2],
  ],
  ['FROM b\nRUN --network=foo true\n', 'dockerfile parse error on line 2: invalid network mode "foo"', [2]],
  ['RUN foo\n', 'no build stage in current context', [1]],
  ['FROM b\nONBUILD ONBUILD RUN x\n', "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", [2]],
  ['FROM b\nONBUILD FROM x\n', "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger", [2]],
  ['ARG foo\n', 'dockerfile contains no stages to build', []],
  ['FROM --platform=$nope b\n', 'empty platform value from expression $nope', [1]],
  ['FROM --platform=foo b\n', 'failed to parse platform foo: "foo": unknown operating system or architecture: invalid argument', [1]],
  ['FROM b\nSHELL foo bar\n', 'dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form', [2]],
  ['FROM b\nSTOPSIGNAL FOO\n', 'invalid signal: FOO', [2]],
  ['FROM scratch AS 1a\n', 'dockerfile parse error on line 1: invalid name for build stage: "1a", name can\'t start with a number or contain symbols', [1]],
  ['FROM scratch\nRUNN bar\n', 'dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)', [2]],
  ['FROM scratch\n\nFOOO bar\n', 'dockerfile parse error on line 3: unknown instruction: FOOO (did you mean FROM?)', [3]],
  ['FROM b\nUSER\n', 'dockerfile parse error on line 2: USER requires exactly one argument', [2]],
  ['FROM b\nENV A=${x:?must be set}\n', 'Syntax error - can\'t find = in "be". Must be of the form: name=value', [2]],
  ['FROM b\nWORKDIR ${x\n', 'failed to process "${x": unsupported modifier (�) in substitution', [2]],
  ['FROM b\nWORKDIR ${x^}\n', 'failed to process "${x^}": unsupported modifier (^) in substitution', [2]],
  ['FROM b\nWORKDIR "abc\n', 'failed to process "\\"abc": unexpected end of statement while looking for matching double-quote', [2]],
  ['FROM b\nVOLUME [""]\n', 'dockerfile parse error on line 2: VOLUME specified can not be an empty string', [2]],
  ['# check=foo\nFROM b as foo\n', 'failed to parse check options: invalid check option "foo"', []],
  [
    'FROM b\nARG v=hello-world.tar.gz\nENV e= s="a b  c"\nLABEL a=${v:-w} b=${n:-w} c=${e:-w} d=${e-w} e=${v:+w} f=${e:+w} g=${e+w} h=${n+w} i=${v#*-} j=${v##*.} k=${v%.*} l=${v%%.*} m=${v/o/0} n=${v//o/0} o=${v/#h/x} p=${v//l*r/Z} q=${v%%-*z} r=${v#h?l}\nLABEL A1="$s" A2=$s A3=\'$s\' A4=\\$s A5="\\$s" A6="a\\"b" A7=a\\ b A8="a\\b" A9=a\\b A10=\'a\\b\' A11=$ A12=$$ A13=${v}x A14=$v.x A15="${v:-"x y"}" A16=x"y z"\'w $v\' A17="it\'s" A18=\\\\ A19="\\\\" A20=a\\\\b\nENV P1=${v//-/_} P2="${n:-a b}" P3=${n:-a\\ b} P4=$1abc P5=${v//\\//x} P6=${e:-${v%-*}}\nENV legacy  value  with "quotes" and $v \\x\nWORKDIR /a/$v//b/../c/\nUSER ${n:-u}:$n\nVOLUME $s "q r"\nVOLUME ["$s", "/x y"]\nEXPOSE ${n:-80 90/udp}\nSTOPSIGNAL ${n:-9}\nCOPY --chown=$v:${n:-g} --chmod=${n:-0644} Dockerfile $v/\nCOPY ["Dockerfile", "/a b/$v"]\nRUN echo $v ${n} "$s" \'$e\' \\$x && echo "${v:-z}"\nCMD ["$v"]\n',
    'Syntax error - can\'t find = in "y\\"}\\"". Must be of the form: name=value',
    [5],
  ],
  [
    'FROM b AS target-amd64\nFROM --platform=linux/amd64 b AS build-amd64\nFROM --platform=linux/amd64 b AS plain\nFROM --platform=$BUILDPLATFORM b AS bp\nFROM --platform=${TARGETOS}/$TARGETARCH b\nARG AUTH_FILE TOKEN_PUBLIC KEY PASSWD DB_PWORD x_credentials\nEXPOSE 80/udp/x\n',
    'invalid port: "80/udp/x": invalid proto: udp/x',
    [7],
  ],
  [
    'FROM b\nRUN --mount=type=secret,id=s,env=TOK,required=false --mount=type=ssh,id=x --mount=type=bind,target=. echo $TOK\nRUN --mount=type=tmpfs,target=/x,size=1m --device=vendor.com/d=x,required=false true\n',
    'invalid mount target "/"',
    [2],
  ],
  ['FROM b\nRUN --mount=type=secret,id=s,source=t true\n', "both source and id can't be set", [2]],
  ['FROM b\nRUN --mount=type=bind,target=/x,mode=7 true\n', 'mode not allowed for "bind" type mounts', [2]],
  ['FROM b\nRUN --mount=type=cache,target=/x,sharing=lokced true\n', 'unsupported sharing value "lokced" (did you mean locked?)', [2]],
  ['FROM b\nRUN --mount=foo true\n', "invalid field 'foo' must be a key=value pair", [2]],
  ['FROM b\nRUN --mount=type=tmpfs,target=/a,required true\n', "unexpected key 'required' for mount type 'tmpfs'", [2]],
  ['FROM b\nCOPY a <<x\nx\n', 'dockerfile parse error on line 2: COPY cannot accept a heredoc as a destination', [2, 3]],
  ['FROM b\nEXPOSE 80:x\n', 'invalid containerPort: x', [2]],
  ['FROM b\nENV a=${b//x}\n', 'failed to process "${b//x}": syntax error: missing \'/\' in ${}', [2]],
  ['FROM b\nENV b=1 a=${b#\\x}\n', 'failed to process "${b#\\\\x}": invalid pattern (\\x) in substitution: invalid escape \'\\x\'', [2]],
  ['FROM b\nENV a=${}\n', 'failed to process "${}": syntax error: bad substitution', [2]],
  ['FROM b\nENV a=${b:=x}\n', 'failed to process "${b:=x}": unsupported modifier (:=) in substitution', [2]],
  ["FROM b\nENV a='x\n", 'failed to process "\'x": unexpected end of statement while looking for matching single-quote', [2]],
  ['FROM b\nCOPY --from=BAD:: /a /b\n', 'failed to parse stage name "BAD::": invalid reference format: repository name (library/BAD) must be lowercase', [2]],
  ['FROM b:$\n', 'failed to parse stage name "b:$": invalid reference format', [1]],
  [
    'FROM b\nRUN --mount=type=bind,from=later,target=/x true\nFROM b AS later\nFROM scratch\nCOPY --from=0 /bin/sh /\n',
    'cannot mount from stage "later" to "/x", stage needs to be defined before current command',
    [2],
  ],
  ['FROM b\nHEALTHCHECK --retries=-1 CMD a\n', 'dockerfile parse error on line 2: --retries cannot be negative (-1)', [2]],
  ['FROM b AS p\nONBUILD RUNN x\nONBUILD COPY x\nFROM p\n', 'unknown instruction: RUNN (did you mean RUN?)', [4]],
  ['FROM b\nRUN --network true\n', 'dockerfile parse error on line 2: missing a value on flag: --network', [2]],
  ['FROM b\nHEALTHCHECK\n', 'dockerfile parse error on line 2: HEALTHCHECK requires at least one argument', [2]],
  ['FROM b\nSHELL []\n', 'dockerfile parse error on line 2: SHELL requires at least one argument', [2]],
  ['FROM b\nWORKDIR --foo /x\n', 'dockerfile parse error on line 2: unknown flag: --foo', [2]],
  ['FROM b\nENV a=${b:?}\n', 'failed to process "${b:?}": b: is not allowed to be unset', [2]],
  ['FROM b\nHEALTHCHECK --interval=1 CMD x\n', 'dockerfile parse error on line 2: time: missing unit in duration "1"', [2]],
  ['FROM b\nCOPY --exclude --link Dockerfile /\n', 'dockerfile parse error on line 2: missing a value on flag: --exclude', [2]],
  ['FROM b\nCOPY --chmod=u+q Dockerfile /\n', 'invalid syntax', [2]],
  ['FROM b\nADD --checksum=foo http://x/y /\n', 'invalid checksum digest format', [2]],
  ['FROM b\nADD --checksum=sha256:0 a b /\n', "checksum can't be specified for multiple sources", [2]],
  ["FROM b\nENV A=1 \\\n  # foo\n  B=$\nENV x='\n", 'failed to process "\'": unexpected end of statement while looking for matching single-quote', [5]],
  ['FROM b\nEXPOSE /tcp\n', 'invalid port: "/tcp": no port specified', [2]],
  ['FROM b\nEXPOSE 1.2.3:80:80\n', 'invalid IP address: 1.2.3', [2]],
  ['FROM b\nEXPOSE 80-79\n', 'invalid containerPort: 80-79', [2]],
  ['ARG x=${y:?nope}\nFROM b\n', 'failed to process "${y:?nope}": y: nope', [1]],
  ['FROM b\nCOPY <<a /x\ny\n', 'unterminated heredoc', [2, 3]],
];

test('errors are in the words of Docker, at the lines of Docker', () => {
  const images = new Map<string, BaseImage>([['docker.io/library/b:latest linux/amd64', { settings: {}, platform: AMD64 }]]);
  for (const [dockerfile, message, lines] of RECORDED) {
    assert.throws(
      () => planStages(parseDockerfile(dockerfile), { buildPlatform: AMD64, images }),
      (error: Error) => {
        assert.equal(error.message, message, dockerfile);
        const marked = (locationOf(error) ?? []).flatMap(({ start, end }) => Array.from({ length: end - start + 1 }, (_, index) => start + index));
        if (lines.length > 0) assert.deepEqual(marked, lines, dockerfile);
        return error.name === 'EngineError';
      },
    );
  }
});
