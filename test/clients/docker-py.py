"""What docker-py does with a daemon, one JSON line for each part: [name, what was seen]."""

import io
import json
import sys
import tarfile
import threading
import time

import docker
from docker.types import Healthcheck, LogConfig, Mount, Ulimit

client = docker.from_env(timeout=60)
api = client.api
FOREVER = ["sh", "-c", 'trap "exit 5" TERM; while :; do sleep 0.1; done']
PARTS = []


def part(function):
    PARTS.append(function)
    return function


def run(command, **options):
    return client.containers.run("busybox", command, **{"network_mode": "none", **options})


def forever(**options):
    return run(FOREVER, detach=True, **options)


def refused(call):
    try:
        call()
    except docker.errors.DockerException as error:
        response = getattr(error, "response", None)
        return [type(error).__name__, getattr(response, "status_code", None), getattr(error, "explanation", str(error))]
    return "not refused"


def tar(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            info.mode = 0o640
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@part
def daemon():
    version = client.version()
    info = client.info()
    return [client.ping(), version["ApiVersion"] == api._version, version["Os"], info["OSType"], info["Containers"]]


@part
def run_and_fail():
    def failing():
        run(["sh", "-c", "echo out; echo bad >&2; exit 3"], remove=True)

    try:
        failing()
        failed = None
    except docker.errors.ContainerError as error:
        failed = [error.exit_status, error.stderr.decode()]
    output = run(["sh", "-c", "echo $A; echo err >&2"], remove=True, environment={"A": "b"}, stderr=True).decode()
    return [run("echo hello there", remove=True).decode(), sorted(output.split()), failed, len(client.containers.list(all=True))]


@part
def logs():
    container = run(["sh", "-c", "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three"], detach=True)
    followed = b"".join(container.logs(stream=True, follow=True)).decode()
    waited = container.wait()
    stamped = container.logs(timestamps=True, tail=1).decode()
    seen = [
        sorted(followed.split()),
        waited,
        container.logs(stderr=False).decode(),
        container.logs(stdout=False).decode(),
        [stamped[10], stamped.split(" ", 1)[1]],
        container.logs(since=int(time.time()) + 100).decode(),
    ]
    container.remove()
    return seen


@part
def exec_run():
    """Programs wait a moment first: docker-py loses output that it reads together with the answer's head."""
    container = forever()

    def shell(script, **options):
        return container.exec_run(["sh", "-c", "sleep 0.3; " + script], **options)

    plain = shell("id -un", user="guest")
    both = shell("echo $A $PWD; echo bad >&2; exit 4", demux=True, environment={"A": "b"}, workdir="/tmp")
    stream = shell("seq 1 3", stream=True)
    terminal = shell("tty", tty=True)
    exec_id = api.exec_create(container.id, "cat", stdin=True)["Id"]
    sock = api.exec_start(exec_id, socket=True)
    sock._sock.sendall(b"sent\n")
    sock._sock.shutdown(1)
    received = b""
    while chunk := sock.read(4096):
        received += chunk
    sock.close()
    missing = container.exec_run("nothing-like-this").exit_code
    seen = [
        [plain.exit_code, plain.output.decode()],
        [both.exit_code, *(part.decode() for part in both.output)],
        b"".join(stream.output).decode(),
        terminal.output.decode(),
        [received[0], received[8:].decode(), api.exec_inspect(exec_id)["Running"]],
        missing,
        refused(lambda: shell("true", user="nobody-like-this")),
        refused(lambda: api.exec_inspect("0" * 64)),
    ]
    container.remove(force=True)
    return seen


@part
def archives():
    container = client.containers.create("busybox", FOREVER, network_mode="none")
    put = container.put_archive("/tmp", tar(first="the first", second="2"))
    stream, stat = container.get_archive("/tmp/first")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        text = archive.extractfile("first").read().decode()
    container.start()
    listed = container.exec_run("stat -c '%n %a %s' /tmp/first /tmp/second").output.decode().split("\n")
    changes = sorted((change["Path"], change["Kind"]) for change in container.diff())
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
        exported = archive.extractfile("tmp/second").read().decode()
    seen = [
        put,
        [stat["name"], stat["size"], stat["mode"], stat["linkTarget"]],
        text,
        listed,
        changes,
        exported,
        refused(lambda: container.get_archive("/absent"))[:2],
        refused(lambda: container.put_archive("/absent", tar(a="b")))[:2],
    ]
    container.remove(force=True)
    return seen


@part
def events():
    since = time.time()
    container = client.containers.create("busybox", FOREVER, network_mode="none", name="watched", labels={"watch": "me"})
    seen = []
    stream = client.events(decode=True, filters={"type": "container", "label": "watch=me"}, since=int(since))

    def act():
        container.start()
        container.pause()
        container.unpause()
        container.rename("renamed")
        container.kill("TERM")
        container.wait()
        container.remove()

    worker = threading.Thread(target=act)
    worker.start()
    for event in stream:
        seen.append(event["Action"])
        if event["Action"] == "destroy":
            break
    stream.close()
    worker.join()
    attributes = event["Actor"]["Attributes"]
    again = list(client.events(decode=True, filters={"event": ["die"], "container": container.id}, since=int(since), until=int(time.time()) + 1))
    die = again[0]["Actor"]["Attributes"]
    return [seen, attributes["name"], attributes["watch"], event["id"] == container.id, [die["exitCode"], len(again)]]


@part
def lists():
    one = forever(name="one", labels={"kind": "a", "team": "x"})
    two = forever(name="two", labels={"kind": "b"})
    ended = run("false", detach=True, name="ended", labels={"kind": "a"})
    ended.wait()

    def names(**options):
        return sorted(container.name for container in client.containers.list(**options))

    seen = [
        names(),
        names(all=True),
        names(all=True, filters={"label": "kind=a"}),
        names(filters={"label": ["kind=a", "team"]}),
        names(all=True, filters={"status": "exited"}),
        names(all=True, filters={"exited": 1}),
        names(filters={"name": "tw"}),
        names(all=True, filters={"ancestor": "busybox"}),
        names(all=True, limit=1),
        names(filters={"id": one.id[:12]}),
        names(filters={"network": "none"}),
        refused(lambda: names(filters={"wrong": "x"})),
        client.containers.get("two").id == two.id,
        client.containers.list(sparse=True, filters={"name": "one"})[0].attrs["Command"],
    ]
    for container in (one, two, ended):
        container.remove(force=True)
    return seen


@part
def errors():
    container = forever(name="there")
    container.pause()
    paused = refused(lambda: container.exec_run("true"))
    container.unpause()
    seen = [
        paused,
        refused(lambda: client.containers.get("absent")),
        refused(lambda: client.containers.create("busybox", "true", name="there")),
        refused(lambda: client.containers.create("busybox", "true", name="a b")),
        refused(lambda: client.images.get("absent:1")),
        refused(lambda: container.remove()),
        refused(lambda: container.unpause()),
        refused(lambda: container.kill("NOTHING")),
        refused(lambda: run("nothing-like-this", name="unstarted")),
        refused(lambda: client.containers.create("busybox", "true", mem_limit="1m")),
        refused(lambda: client.networks.get("absent")),
    ]
    client.containers.get("unstarted").remove()
    container.remove(force=True)
    return [[kind, status, text.replace(container.id, "ID")] for kind, status, text in seen]


@part
def options():
    container = forever(
        hostname="host",
        domainname="example",
        mem_limit="64m",
        nano_cpus=500_000_000,
        pids_limit=50,
        ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
        cap_drop=["ALL"],
        cap_add=["NET_ADMIN"],
        read_only=True,
        tmpfs={"/scratch": "size=1m"},
        mounts=[Mount("/more", None, type="tmpfs", tmpfs_size=1 << 20)],
        sysctls={"net.ipv4.ip_forward": "1"},
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m"}),
        healthcheck=Healthcheck(test=["CMD", "true"], interval=100_000_000),
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
        user="1000",
        init=True,
    )
    while container.attrs["State"].get("Health", {}).get("Status") != "healthy":
        time.sleep(0.05)
        container.reload()
    host = container.attrs["HostConfig"]
    inside = container.exec_run(["sh", "-c", "hostname; id -u; ulimit -n; touch /x 2>&1; grep -c -e ' /scratch ' -e ' /more ' /proc/mounts"]).output.decode()
    stats = container.stats(stream=False)
    top = container.top(ps_args="-o pid,comm")
    container.update(mem_limit="128m", memswap_limit="256m")
    container.reload()
    seen = [
        [host[key] for key in ("Memory", "NanoCpus", "PidsLimit", "CapAdd", "ReadonlyRootfs", "RestartPolicy", "Init")],
        inside.strip().split("\n"),
        [stats["memory_stats"]["usage"] > 0, stats["pids_stats"]["current"] > 0, stats["name"] == f"/{container.name}"],
        [top["Titles"], "sh" in [row[1] for row in top["Processes"]]],
        container.attrs["HostConfig"]["Memory"],
    ]
    container.remove(force=True)
    return seen


@part
def lifecycle():
    container = run(["sh", "-c", 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'], detach=True, stdin_open=True)
    started = container.attrs["State"]["StartedAt"]
    seen = [container.status]

    def stop():
        while container.logs().count(b"ready") < 2:
            time.sleep(0.1)
        container.stop(timeout=20)

    for action in (container.pause, container.unpause, container.restart, stop, container.start, container.kill):
        action()
        if action == container.kill:
            container.wait()
        container.reload()
        seen.append([container.status, container.attrs["State"]["ExitCode"]])
    seen.append(container.attrs["State"]["StartedAt"] > started)
    seen.append(client.containers.prune()["ContainersDeleted"] == [container.id])
    return seen


@part
def stdin():
    container = client.containers.create("busybox", "cat", network_mode="none", stdin_open=True)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    sock._sock.sendall(b"to cat\n")
    header = sock.read(8)
    text = sock.read(header[7])
    sock.close()
    container.remove(force=True)
    return [header[0], text.decode()]


@part
def images():
    container = run(["sh", "-c", "echo made > /made"], detach=True)
    container.wait()
    image = container.commit("py", "one", message="by docker-py", author="me", conf={"Cmd": ["cat", "/made"]})
    container.remove()
    tagged = image.tag("py", "two")
    image.reload()
    saved = b"".join(image.save(named=True))
    said = client.containers.run("py:two", network_mode="none", remove=True).decode()
    client.images.remove("py:one")
    client.images.remove("py:two")
    gone = refused(lambda: client.images.get("py:one"))[0]
    loaded = client.images.load(saved)
    history = loaded[0].history()[0]
    seen = [tagged, sorted(image.tags), said, gone, loaded[0].tags, [history["Comment"], loaded[0].attrs["Author"]], [tag for found in client.images.list("py") for tag in found.tags]]
    client.images.remove(loaded[0].id, force=True)
    return seen


try:
    for function in PARTS:
        print(json.dumps([function.__name__, function()]), flush=True)
finally:
    for left in client.containers.list(all=True):
        print("left:", left.name, left.attrs["Config"]["Cmd"], file=sys.stderr)
        left.remove(force=True)
