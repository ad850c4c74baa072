//! Searches for nodes that moved: how many at once, how long, how often; and what a packet may hold.

use std::time::{Duration, Instant};

use super::raw::{Raw, field, framed, node};
use super::*;

const MOMENT: Duration = Duration::from_millis(300);

impl Node {
    fn lookups(&self) -> u64 {
        self.network.meters.get("chater_lookups_total", "")
    }

    /// Dials these again and again until there are so many searches; how long it took.
    async fn searches(&self, wanted: &[NodeId], many: u64, limit: Duration) -> Duration {
        let began = Instant::now();
        while self.lookups() < many {
            assert!(began.elapsed() < limit, "{} searches", self.lookups());
            for peer in wanted {
                self.network.nudge(*peer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        began.elapsed()
    }
}

/// Linked peers that are asked where a node is and never answer hold a search for its time, four at once, and the same node is
/// not searched for again before its time.
#[tokio::test]
async fn searches_that_nobody_answers_are_few_and_end() {
    let mut alice = Node::start(1).await;
    let mut silent = Vec::new();
    for n in 1..=9 {
        let place = format!("/ip4/203.0.113.{n}/tcp/5001");
        let raw = Raw::placed(&mut alice, n, &[&place]).await;
        alice.network.admit(raw.id);
        let says = |event| matches!(event, NetworkEvent::Addresses { .. }).then_some(());
        alice.sees(says).await;
        silent.push(raw);
    }
    let began = Instant::now();
    let wanted: Vec<NodeId> = (100..=100 + u16::try_from(limits::LOOKUPS).unwrap())
        .map(node)
        .collect();
    for peer in &wanted {
        let nobody = vec!["/ip4/127.0.0.1/tcp/1".to_owned()];
        alice.network.want(*peer, nobody);
    }
    let most = limits::LOOKUPS as u64;
    alice.searches(&[], most, PATIENCE).await;
    let asked_before = began.elapsed();
    // Only the one that found no room can begin.
    alice.searches(&wanted, most + 1, limits::LOOKUP * 2).await;
    let waited = began.elapsed();
    let late = limits::LOOKUP + Duration::from_secs(4);
    assert!((limits::LOOKUP..late).contains(&waited), "{waited:?}");
    alice
        .searches(&wanted, most + 2, limits::LOOKUP_AGAIN * 2)
        .await;
    let again = began.elapsed();
    let late = limits::LOOKUP_AGAIN + asked_before + Duration::from_secs(4);
    assert!((limits::LOOKUP_AGAIN..late).contains(&again), "{again:?}");
    assert!(silent.iter().all(|raw| !raw.has_ended()));
}

/// A question of full size is answered; one byte more is not read.
#[tokio::test]
async fn a_packet_of_a_search_has_a_bound() {
    let mut alice = Node::start(1).await;
    let raw = Raw::placed(&mut alice, 7, &["/ip4/203.0.113.7/tcp/5001"]).await;
    alice.network.admit(raw.id);
    for (stream, above, answered) in [(1, 0, true), (3, 1, false)] {
        raw.opens(stream, "/chater/kad/1").await;
        tokio::time::sleep(MOMENT).await;
        let before = raw.has_read();
        // FIND_NODE of a long key.
        let room = limits::KAD_PACKET + above - 2;
        let key = (0..20).map(|less| field(2, &vec![7; room - less]));
        let key = key.into_iter().find(|field| field.len() == room).unwrap();
        let question = [vec![8, 4], key].concat();
        assert_eq!(question.len(), limits::KAD_PACKET + above);
        raw.data(stream, &framed(&question)).await;
        tokio::time::sleep(MOMENT).await;
        assert_eq!(raw.has_read() > before, answered, "{above} above");
        assert!(!raw.has_ended());
    }
}
