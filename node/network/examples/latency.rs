//! Prints the round trip of sequential requests between two nodes on loopback: `cargo run --release --example latency`.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::time::{Duration, Instant};

use chater_network::{Config, Listen, Network, NetworkEvent, Protocol, Topic};

const ROUNDS: usize = 5_000;

fn config(seed: u8, listen: &str) -> Config {
    Config {
        seed: [seed; 32],
        listen: vec![Listen {
            address: listen.to_owned(),
            fallback: false,
        }],
        mdns: false,
        relay: false,
        upnp: false,
        external: Vec::new(),
        agent: "latency".to_owned(),
    }
}

async fn measure(listen: &str, bytes: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let (alice, mut alice_events) = Network::start(config(1, listen)).await?;
    let (bob, mut bob_events) = Network::start(config(2, listen)).await?;
    let id = alice.node_id();
    let (answering, admitting) = (bob.clone(), bob.clone());
    tokio::spawn(async move {
        while let Some(event) = bob_events.recv().await {
            match event {
                NetworkEvent::Connected { .. } => admitting.admit(id),
                NetworkEvent::Request { body, reply, .. } => reply.send(body),
                _ => {}
            }
        }
    });
    alice.want(answering.node_id(), answering.addresses());
    while let Some(event) = alice_events.recv().await {
        if matches!(event, NetworkEvent::Connected { .. }) {
            break;
        }
    }
    tokio::spawn(async move { while alice_events.recv().await.is_some() {} });
    alice.admit(bob.node_id());
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        alice
            .request(bob.node_id(), Protocol::Log, vec![1; bytes])
            .await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!("{listen} {bytes} bytes: p50 {:?}, p99 {:?}", at(50), at(99));
    if std::env::args().any(|argument| argument == "idle") {
        alice.subscribe(Topic([1; 16]));
        bob.subscribe(Topic([1; 16]));
        println!("idle for 60 s as process {}", std::process::id());
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    alice.stop().await;
    bob.stop().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    measure("/ip4/127.0.0.1/tcp/0", 100, ROUNDS).await?;
    measure("/ip4/127.0.0.1/udp/0/quic-v1", 100, ROUNDS).await?;
    measure("/ip4/127.0.0.1/tcp/0", 64 * 1_024, 1_000).await?;
    measure("/ip4/127.0.0.1/tcp/0", 1_024 * 1_024, 200).await
}
