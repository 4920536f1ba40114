"""A broker of Apache Kafka, and its own tools as the load: records of 1 KiB there and back."""

import pathlib
import re
import subprocess
import uuid

import lab as place

FETCH = pathlib.Path(__file__).resolve().parents[1] / "kafka" / "fetch"
JAVA = ["java", "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC"]
RECORD_BYTES = 1024
RECORDS_PER_SECOND = 60_000
RECORDS_TO_READ = 300_000
READ_TOPIC = "read"

# every subject is told an address of its own, so that clients stay with the one that they were sent to
CONFIG = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners={listeners},CONTROLLER://{host}:{controller}
advertised.listeners={advertised}
listener.security.protocol.map=DIRECT:PLAINTEXT,STEERED:PLAINTEXT,EXPLICIT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DIRECT
controller.listener.names=CONTROLLER
log.dirs={directory}/data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
num.partitions=1
# what was produced is not kept: it would fill the disk
log.segment.bytes=50000000
log.retention.bytes=100000000
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=100
"""


def class_path():
    """The jars of Kafka, fetched once outside of the work tree."""
    return subprocess.run([FETCH], capture_output=True, text=True, check=True).stdout.strip() + "/*"


def version():
    """Which Kafka it is."""
    return re.search(r"<kafka.version>(.*)</kafka.version>", (FETCH.parent / "pom.xml").read_text())[1]


def tool(name, *arguments):
    """Runs a tool of Kafka's to its end and returns what it says."""
    command = [*JAVA, "-cp", class_path(), f"org.apache.kafka.tools.{name}", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{name} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout


def start_broker(lab, directory, host, controller, listeners):
    """Starts a broker. `listeners`: for each name, the port that it listens on and the one that clients are told."""
    config = directory / "server.properties"
    config.write_text(CONFIG.format(
        host=host, controller=controller, directory=directory,
        listeners=",".join(f"{name}://{host}:{port}" for name, (port, _) in listeners.items()),
        advertised=",".join(f"{name}://{host}:{told}" for name, (_, told) in listeners.items())))
    kafka = [*JAVA[:1], "-Xmx512m", "-cp", class_path()]
    subprocess.run([*kafka, "kafka.tools.StorageTool", "format", "--cluster-id", "flowfold-bench-00000000", "--config", config],
                   capture_output=True, check=True)
    return lab.start([*kafka, "kafka.Kafka", config], in_cgroup=True)


def fill(host, port):
    """Makes the topic that is read, which stays as it is."""
    tool("TopicCommand", "--bootstrap-server", f"{host}:{port}", "--create", "--topic", READ_TOPIC,
         "--partitions", 1, "--config", "retention.bytes=-1")
    produce(host, port, READ_TOPIC, RECORDS_TO_READ)


def produce(host, port, topic, count):
    """Produces records as fast as they go. Returns how many a second, and the mean latency in milliseconds."""
    said = tool("ProducerPerformance", "--topic", topic, "--num-records", count, "--record-size", RECORD_BYTES,
                "--throughput", -1, "--producer-props", f"bootstrap.servers={host}:{port}", "acks=1", "linger.ms=5",
                "batch.size=65536", f"client.id=bench-{topic}")
    last = said.strip().splitlines()[-1]
    found = re.match(rf"{count} records sent, ([\d.]+) records/sec .*?, ([\d.]+) ms avg latency", last)
    if found is None:
        raise SystemExit(f"ProducerPerformance said\n{said}")
    return float(found[1]), float(found[2])


def consume(host, port, count):
    """Reads records as fast as they come, as a new group. Returns how many a second, joining the group not counted."""
    said = tool("ConsumerPerformance", "--bootstrap-server", f"{host}:{port}", "--topic", READ_TOPIC, "--messages", count,
                "--group", f"bench-{uuid.uuid4()}", "--hide-header")
    # start, end, MB, MB a second, records, records a second, rebalancing ms, fetching ms, MB and records a second of that
    fields = said.strip().splitlines()[-1].split(", ")
    if len(fields) != 10 or int(fields[4]) < count:
        raise SystemExit(f"ConsumerPerformance said\n{said}")
    return float(fields[9])


def load(subject, way, seconds):
    """One run of a tool against a subject: `produce` or `consume`."""
    if str(way) == "produce":
        count = RECORDS_PER_SECOND * seconds
        rate, latency = produce(place.HOST, subject.port, f"from-{subject.key}", count)
        return {"requests": count, "failed": 0, "seconds": count / rate, "mean_us": latency * 1000}
    rate = consume(place.HOST, subject.port, RECORDS_TO_READ)
    return {"requests": RECORDS_TO_READ, "failed": 0, "seconds": RECORDS_TO_READ / rate}
