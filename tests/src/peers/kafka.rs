//! A broker of Apache Kafka, and the clients that people use: its own in Java, librdkafka as kcat, and one in Python that
//! speaks as old ones do.

mod login;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::repository;
use crate::eventually::within;
use crate::process::{Launch, Process};
use crate::python;
use crate::world::World;
pub use login::{Login, PASSWORD, log_in};

/// A virtual machine that starts soon and stays small.
const JAVA: [&str; 4] = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// How long a broker may take to listen. It takes four seconds on a quiet machine.
const BROKER_PATIENCE: Duration = Duration::from_mins(1);

/// Why Kafka and its clients cannot be had on this machine, in words, or nothing.
pub fn missing() -> Option<String> {
    if Command::new("kcat").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return Some("kcat is not installed; tests/install brings it".to_owned());
    }
    let checks = [fetch(&["--check"]), fetch(&["--check", "--newest"])];
    let refused = checks.into_iter().find(|output| !output.status.success());
    refused.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// A version of Kafka, of brokers and of their clients in Java.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    /// The one that costs are measured with.
    Usual,
    /// The newest one that is read along with.
    Newest,
}

/// The class path of the broker and of the clients in Java, fetched where they are not there yet.
fn class_path(version: Version) -> String {
    let output = fetch(match version {
        Version::Usual => &[],
        Version::Newest => &["--newest"],
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Kafka cannot be fetched: {said}");
    format!("{}/*", String::from_utf8_lossy(&output.stdout).trim_end())
}

fn fetch(arguments: &[&str]) -> Output {
    let script = repository().join("tests/kafka/fetch");
    let mut command = Command::new(&script);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()))
}

fn java(place: impl FnOnce(&str) -> Launch, class_path: &str) -> Launch {
    place(JAVA[0]).args(&JAVA[1..]).args(["-cp", class_path])
}

/// A broker, whose cluster has one or two. What they have to say to each other they say on ports of their own.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    class_path: String,
    /// Where it listens for clients.
    address: SocketAddr,
    /// Where it listens beside the clients' port.
    internal: SocketAddr,
}

impl Broker {
    /// Starts a broker for clients at this address, as a steered process of the host, and waits until it listens.
    pub fn start(world: &World, version: Version, address: SocketAddr) -> Self {
        let [broker] = Self::all(world, version, CLUSTER, [address], false);
        broker
    }

    /// Starts a broker at which clients have to log in.
    pub fn guarded(world: &World, address: SocketAddr) -> Self {
        let [broker] = Self::all(world, Version::Newest, CLUSTER, [address], true);
        broker
    }

    /// Starts a cluster of this id, of brokers with a copy of everything on each. The first is its controller, too, and notices
    /// within ten seconds that another one is gone.
    pub fn cluster<const N: usize>(world: &World, id: &str, addresses: [SocketAddr; N]) -> [Self; N] {
        Self::all(world, Version::Newest, id, addresses, false)
    }

    fn all<const N: usize>(
        world: &World,
        version: Version,
        id: &str,
        addresses: [SocketAddr; N],
        is_guarded: bool,
    ) -> [Self; N] {
        let class_path = class_path(version);
        let mut number = 0;
        let mut brokers = addresses.map(|address| {
            number += 1;
            let node = Node { number, of: N, address, controller: controller(addresses), is_guarded };
            let directory = world.directory().join(format!("kafka-{}", address.port()));
            fs::create_dir_all(&directory).expect("a directory for Kafka");
            let config = directory.join("server.properties");
            fs::write(&config, node.configuration(&directory.join("data"))).expect("a configuration for Kafka");
            let format = ["kafka.tools.StorageTool", "format", "--cluster-id", id, "--config"];
            let format = java(|program| world.beside(program), &class_path).args(format).arg(&config);
            if is_guarded { format.args(login::stored()) } else { format }.stdout();
            let broker = java(|program| world.steered(program), &class_path).arg("kafka.Kafka").arg(&config);
            let process = broker.start(world.directory(), &format!("kafka-{}", address.port()));
            Self { process, class_path: class_path.clone(), address, internal: node.internal() }
        });
        for Self { process, internal, .. } in &mut brokers {
            within(BROKER_PATIENCE, "Kafka to listen", || {
                assert!(process.ended().is_none(), "Kafka ended:\n{}", process.stdout());
                // not on the port of the clients, where it would count
                world.host.run(|| TcpStream::connect(*internal)).ok()
            });
        }
        brokers
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Makes a topic of one partition, where the clients are not.
    pub fn create_topic(&self, world: &World, topic: &str) {
        let create = ["org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic];
        self.tool(|program| world.beside(program), self.internal, &create);
    }

    /// Deletes a group as any client does.
    pub fn delete_group(&self, world: &World, group: &str) {
        let said = self.tool(|program| world.remote(program), self.address, &[GROUPS, "--delete", "--group", group]);
        assert!(said.contains("was successful"), "{said}");
    }

    /// What one of Kafka's own tools says that asks the broker at this address.
    fn tool(&self, place: impl FnOnce(&str) -> Launch, address: SocketAddr, tool: &[&str]) -> String {
        java(place, &self.class_path).args(tool).args(["--bootstrap-server", &address.to_string()]).stdout()
    }

    /// How far each group is behind in each topic, as Kafka's own tool says, which asks where the clients are not.
    pub fn lags(&self, world: &World) -> BTreeMap<(String, String), u64> {
        let said = self.tool(|program| world.beside(program), self.internal, &[GROUPS, "--describe", "--all-groups"]);
        let mut lags = BTreeMap::new();
        for line in said.lines() {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [group, topic, partition, _offset, _end, lag, ..] = columns[..] else { continue };
            let (Ok(_), Ok(lag)) = (partition.parse::<u32>(), lag.parse::<u64>()) else { continue };
            *lags.entry((group.to_owned(), topic.to_owned())).or_insert(0) += lag;
        }
        lags
    }

    /// Ends it at once: nobody reads what it has stored.
    pub fn kill(mut self) {
        self.process.signal(rustix::process::Signal::KILL);
        self.process.wait(BROKER_PATIENCE);
    }
}

/// The id of a cluster that is alone.
const CLUSTER: &str = "flowfold-tests-00000000";

/// Kafka's own tool for groups.
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

/// Where a cluster's controller listens: apart from those of others, whose clients use other ports.
fn controller<const N: usize>(addresses: [SocketAddr; N]) -> SocketAddr {
    let first = addresses.first().map_or(0, SocketAddr::port);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 20_000 + first)
}

/// One of a cluster.
#[derive(Clone, Copy, Debug)]
struct Node {
    number: u16,
    /// How many there are.
    of: usize,
    /// For clients.
    address: SocketAddr,
    controller: SocketAddr,
    /// Whether clients have to log in.
    is_guarded: bool,
}

impl Node {
    fn internal(self) -> SocketAddr {
        SocketAddr::new(self.controller.ip(), 10_000 + self.address.port())
    }

    fn configuration(self, data: &Path) -> String {
        let Self { number, of, address, controller: elected, is_guarded } = self;
        let (clients, users) =
            if is_guarded { ("SASL_PLAINTEXT", login::known()) } else { ("PLAINTEXT", String::new()) };
        let listeners = format!("CLIENTS://{address},INTERNAL://{}", self.internal());
        let (roles, controller) = match number {
            1 => ("broker,controller", format!(",CONTROLLER://{elected}")),
            _ => ("broker", String::new()),
        };
        format!(
            "process.roles={roles}\n\
             node.id={number}\n\
             controller.quorum.voters=1@{elected}\n\
             listeners={listeners}{controller}\n\
             advertised.listeners={listeners}\n\
             listener.security.protocol.map=CLIENTS:{clients},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=INTERNAL\n\
             controller.listener.names=CONTROLLER\n\
             log.dirs={}\n\
             offsets.topic.num.partitions=1\n\
             offsets.topic.replication.factor={of}\n\
             transaction.state.log.num.partitions=1\n\
             transaction.state.log.replication.factor={of}\n\
             transaction.state.log.min.isr=1\n\
             transaction.max.timeout.ms=3600000\n\
             share.coordinator.state.topic.replication.factor={of}\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             auto.create.topics.enable=false\n\
             {users}",
            data.display()
        )
    }
}

/// What a client has counted in one step.
#[derive(Clone, Debug)]
pub struct Told {
    /// The step.
    pub step: String,
    /// The name that the client gave itself.
    pub client: String,
    /// The topic that it is about.
    pub topic: String,
    numbers: BTreeMap<String, u64>,
}

impl Told {
    fn from_json(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| value[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        let numbers = value.as_object().into_iter().flatten();
        Self {
            step: text("step"),
            client: text("client"),
            topic: text("topic"),
            numbers: numbers.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect(),
        }
    }

    /// A number by its name among the client's metrics; 0 where it has none.
    pub fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or(0)
    }
}

/// Runs the client in Java through all its steps. It makes the topics that it uses, and `topics` beside.
pub fn java_clients(world: &World, broker: &Broker, topics: &[&str]) -> Vec<Told> {
    let address = broker.address.to_string();
    let arguments: Vec<String> = [address].into_iter().chain(topics.iter().map(ToString::to_string)).collect();
    java_program(world, broker, "Clients", &arguments)
}

/// Runs members of a share group in Java.
pub fn java_shares(world: &World, broker: &Broker) -> Vec<Told> {
    java_program(world, broker, "Shares", &[broker.address.to_string()])
}

/// Runs clients in Java of two brokers, of which they end the second.
pub fn java_failover(world: &World, addresses: [SocketAddr; 2], second: &Broker) -> Vec<Told> {
    let brokers = addresses.map(|address| address.to_string()).join(",");
    java_program(world, second, "Failover", &[brokers, second.pid().to_string()])
}

/// Compiles the programs in Java and runs one of them where the client is, in the broker's version.
fn java_program(world: &World, broker: &Broker, main: &str, arguments: &[String]) -> Vec<Told> {
    let (class_path, classes) = (&broker.class_path, world.directory().join("classes"));
    let sources = ["Clients.java", "Failover.java", "Shares.java"].map(|name| scripts().join(name));
    world.beside("javac").args(["-cp", class_path, "-d"]).arg(&classes).args(sources).stdout();
    let class_path = format!("{class_path}:{}", classes.display());
    let said = java(|program| world.remote(program), &class_path).arg(main).args(arguments).stdout();
    said.lines().map(Told::from_json).collect()
}

/// Runs the client in Python that speaks as old ones do: so many records of a topic there and back, and some of `originals`
/// in transactions.
pub fn old_client(
    place: impl FnOnce(PathBuf) -> Launch,
    broker: SocketAddr,
    (topic, records): (&str, u64),
    originals: &str,
) -> Vec<Told> {
    let script = scripts().join("old_client.py");
    let client = place(python::interpreter()).arg("-B").arg(script).arg(broker.to_string());
    let said = client.arg(topic).arg(records.to_string()).arg(originals).stdout();
    said.lines().map(Told::from_json).collect()
}

/// Produces each line of a file as a record, by librdkafka.
pub fn kcat_produce(kcat: Launch, broker: SocketAddr, topic: &str, codec: &str, acks: &str, lines: &Path) {
    let acks = format!("acks={acks}");
    let kcat = kcat.args(["-P", "-b", &broker.to_string(), "-t", topic, "-z", codec, "-X", &acks]);
    kcat.args(["-X", &format!("client.id=kcat-{topic}"), "-l"]).arg(lines).stdout();
}

/// Reads so many records of a topic as a member of a group, by librdkafka, and commits what it has read.
pub fn kcat_group(kcat: Launch, broker: SocketAddr, (group, topic): (&str, &str), records: u64) {
    let kcat = kcat.args(["-b", &broker.to_string(), "-q", "-X", "auto.offset.reset=earliest", "-c"]);
    let said = kcat.arg(records.to_string()).args(["-G", group, topic]).stdout();
    assert_eq!(said.lines().count() as u64, records);
}

/// Reads all records of a topic, by librdkafka, each as a line.
pub fn kcat_consume(kcat: Launch, broker: SocketAddr, topic: &str) -> String {
    let client = format!("client.id=kcat-read-{topic}");
    kcat.args(["-C", "-b", &broker.to_string(), "-t", topic, "-e", "-q", "-o", "beginning", "-X", &client]).stdout()
}

fn scripts() -> PathBuf {
    repository().join("tests/src/peers/kafka")
}
