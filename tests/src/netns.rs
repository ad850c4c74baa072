//! A small Internet of network namespaces: hosts, cables, LAN segments, routers with masquerade. Needs root, `ip` and
//! `nft`. Everything made is taken away with the [`World`], by name; nothing else on the machine is touched.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Worlds of one process: their namespaces must not meet.
static WORLDS: AtomicU32 = AtomicU32::new(0);

/// All hosts and cables of one story.
#[derive(Debug)]
pub struct World {
    tag: String,
    hosts: Vec<String>,
    cables: u32,
}

/// Runs a command; its error as text.
fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(words)
        .env("PATH", path())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program} {}: {}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Rules written in one line, as nft reads them: each statement on its own.
fn lines(rules: &str) -> String {
    // Sets stay whole: in them a brace follows a word of the address.
    let mut out = String::new();
    let mut in_set = false;
    for (at, c) in rules.char_indices() {
        let before = rules.get(..at).unwrap_or_default().trim_end();
        if c == '{' && (before.ends_with("addr") || before.ends_with("protocol")) {
            in_set = true;
        }
        out.push(c);
        if !in_set && matches!(c, '{' | ';' | '}') {
            out.push('\n');
        }
        if c == '}' {
            in_set = false;
        }
    }
    out
}

/// Tools of the network stand in the folder for administrators.
fn path() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

/// Where settings of one host stand in for those of the machine.
fn names_of(host: &str) -> PathBuf {
    Path::new("/etc/netns").join(host)
}

impl World {
    /// An empty world.
    ///
    /// # Errors
    /// What is lacking: rights or a tool.
    pub fn new() -> Result<Self, String> {
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let tag = format!("{}x{number}", std::process::id() % 100_000);
        let mut world = Self {
            tag,
            hosts: Vec::new(),
            cables: 0,
        };
        // Tried once, so that a story says at once what it lacks.
        let probe = world.add("probe")?;
        world.filters(&probe, "table inet probe { }")?;
        Ok(world)
    }

    /// A world, or none: then the story is listed as skipped. With `CHATER_REQUIRE_NETNS` none is a failure.
    ///
    /// # Panics
    /// There must be one and there is none.
    #[must_use]
    pub fn or_skip(story: &str) -> Option<Self> {
        match Self::new() {
            Ok(world) => Some(world),
            Err(why) => {
                assert!(
                    std::env::var_os("CHATER_REQUIRE_NETNS").is_none(),
                    "no network namespaces: {why}"
                );
                println!("SKIPPED {story}: {why}");
                None
            }
        }
    }

    fn add(&mut self, name: &str) -> Result<String, String> {
        let host = format!("ch{}{name}", self.tag);
        run("ip", &["netns", "add", &host])?;
        self.hosts.push(host.clone());
        self.ip(&host, "link set lo up")?;
        Ok(host)
    }

    fn ip(&self, host: &str, words: &str) -> Result<(), String> {
        let mut all = vec!["-n", host];
        all.extend(words.split(' '));
        run("ip", &all)
    }

    fn filters(&self, host: &str, rules: &str) -> Result<(), String> {
        // A file, since words on a command line cannot be lines.
        let mut child = Command::new("ip")
            .args(["netns", "exec", host, "nft", "-f", "-"])
            .env("PATH", path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("nft: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(lines(rules).as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(|error| format!("nft: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("nft {rules}: {why}"))
    }

    /// A host without any cable.
    ///
    /// # Panics
    /// It cannot be made.
    pub fn host(&mut self, name: &str) -> String {
        self.add(name).expect("a host")
    }

    /// A segment: whoever is plugged in hears the others, and nobody else.
    ///
    /// # Panics
    /// It cannot be made.
    pub fn segment(&mut self, name: &str) -> String {
        let segment = self.host(name);
        self.does(&segment, "link add br0 type bridge");
        self.does(&segment, "link set br0 up");
        segment
    }

    /// Plugs a host into a segment; gives the name of the interface.
    ///
    /// # Panics
    /// It cannot be done.
    pub fn plug(&mut self, host: &str, segment: &str, address: &str) -> String {
        self.cables += 1;
        let (here, there) = (format!("eth{}", self.cables), format!("p{}", self.cables));
        run(
            "ip",
            &[
                "link", "add", &here, "netns", host, "type", "veth", "peer", "name", &there,
                "netns", segment,
            ],
        )
        .expect("a cable");
        self.does(segment, &format!("link set {there} master br0"));
        self.does(segment, &format!("link set {there} up"));
        let nodad = if address.contains(':') { " nodad" } else { "" };
        self.does(host, &format!("addr add {address} dev {here}{nodad}"));
        self.does(host, &format!("link set {here} up"));
        here
    }

    /// A host behind a router on a segment of its own: `inside` is the prefix, as `192.168.1`; the router has the
    /// address `outside` on the Internet and hides everybody behind it, as routers at home do. A `strict` one takes another
    /// port for each connection, so that no direct way can be opened.
    pub fn home(
        &mut self,
        name: &str,
        internet: &str,
        inside: &str,
        outside: &str,
        strict: bool,
    ) -> String {
        let lan = self.segment(&format!("{name}l"));
        let router = self.host(&format!("{name}r"));
        let host = self.host(name);
        self.plug(&router, &lan, &format!("{inside}.1/24"));
        let wan = self.plug(&router, internet, &format!("{outside}/24"));
        self.plug(&host, &lan, &format!("{inside}.2/24"));
        self.does(&host, &format!("route add default via {inside}.1"));
        self.forwards(&router);
        let hides = if strict {
            "masquerade fully-random"
        } else {
            "masquerade"
        };
        // Out it goes under the router's address; in come only answers.
        self.filters(
            &router,
            &format!(
                "table ip nat {{ chain post {{ type nat hook postrouting priority 100; oifname \"{wan}\" {hides}; }} }} \
                 table ip filter {{ chain forwarded {{ type filter hook forward priority 0; policy accept; \
                 iifname \"{wan}\" ct state established,related accept; iifname \"{wan}\" drop; }} \
                 chain entering {{ type filter hook input priority 0; policy accept; \
                 iifname \"{wan}\" ct state established,related accept; iifname \"{wan}\" ip protocol {{ tcp, udp }} drop; }} }}"
            ),
        )
        .expect("a router");
        host
    }

    /// Lets a host pass on packets of others.
    ///
    /// # Panics
    /// It fails.
    pub fn forwards(&self, router: &str) {
        run(
            "ip",
            &[
                "netns",
                "exec",
                router,
                "sh",
                "-c",
                "echo 1 > /proc/sys/net/ipv4/ip_forward",
            ],
        )
        .expect("forwarding");
    }

    /// Tables of nft in a host.
    ///
    /// # Panics
    /// It fails.
    pub fn tables(&self, host: &str, rules: &str) {
        self.filters(host, rules).expect("nft");
    }

    /// The name server that programs in a host ask.
    ///
    /// # Panics
    /// It cannot be set.
    pub fn asks_for_names(&self, host: &str, server: &str) {
        // `ip netns exec` puts it in the place of the machine's own.
        let folder = names_of(host);
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("resolv.conf");
        std::fs::write(file, format!("nameserver {server}\n")).expect("a file");
    }

    /// `ip` in a host.
    ///
    /// # Panics
    /// It fails.
    pub fn does(&self, host: &str, words: &str) {
        self.ip(host, words).expect("ip");
    }

    /// Replaces the rules of a host for what comes in; empty = none.
    ///
    /// # Panics
    /// It fails.
    pub fn rules(&self, host: &str, rules: &str) {
        // Made first, so that taking it away never fails.
        self.filters(host, "table inet chater { }").expect("nft");
        self.filters(host, "delete table inet chater").expect("nft");
        if !rules.is_empty() {
            self.filters(
                host,
                &format!(
                    "table inet chater {{ chain entering {{ type filter hook input priority -10; policy accept; {rules} }} }}"
                ),
            )
            .expect("nft");
        }
    }

    /// Limits what leaves an interface; false when the kernel has no such queue.
    #[must_use]
    pub fn slow(&self, host: &str, interface: &str, rate: &str) -> bool {
        let words = [
            "netns", "exec", host, "tc", "qdisc", "add", "dev", interface, "root", "tbf", "rate",
            rate, "burst", "16kb", "latency", "400ms",
        ];
        run("ip", &words).is_ok()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for host in &self.hosts {
            let _ = run("ip", &["netns", "del", host]);
            // Most have none.
            let _ = std::fs::remove_dir_all(names_of(host));
        }
    }
}

/// A port of this process that leads to a port inside a namespace: the pages there answer on their own loopback.
///
/// # Panics
/// The namespace is not there.
#[must_use]
pub fn door(netns: &str, port: u16) -> SocketAddr {
    door_to(netns, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A port of this process that leads to an address as a host in that namespace reaches it.
///
/// # Panics
/// The namespace is not there.
#[must_use]
pub fn door_to(netns: &str, address: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = listener.local_addr().expect("an address");
    let place = std::fs::File::open(format!("/run/netns/{netns}")).expect("a namespace");
    std::thread::spawn(move || {
        // Sockets opened by this thread from now on are in the namespace; the listener stays where it was.
        let entered = rustix::thread::move_into_link_name_space(
            place.as_fd(),
            Some(rustix::thread::LinkNameSpaceType::Network),
        );
        if entered.is_err() {
            return;
        }
        for stream in listener.incoming() {
            let (Ok(outer), Ok(inner)) = (stream, TcpStream::connect(address)) else {
                continue;
            };
            let (Ok(outer2), Ok(inner2)) = (outer.try_clone(), inner.try_clone()) else {
                continue;
            };
            std::thread::spawn(move || carry(outer, inner));
            std::thread::spawn(move || carry(inner2, outer2));
        }
    });
    here
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}
