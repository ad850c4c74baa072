#![expect(clippy::unwrap_used, reason = "a test may fail")]

use chater_protocol::id::NodeId;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn peer(n: u32) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    address::peer_id(NodeId(bytes)).unwrap()
}

fn at(n: u32) -> Vec<Multiaddr> {
    vec![format!("/ip4/192.0.2.1/tcp/{n}").parse().unwrap()]
}

/// Our own id is 500: smaller than most, larger than some.
fn dialler() -> (Dialler, Instant) {
    (Dialler::new(peer(500)), Instant::now())
}

#[test]
fn wanted_peers_are_dialled_at_once_then_ever_more_rarely() {
    let (mut dialler, start) = dialler();
    assert!(dialler.want(peer(1), at(1), Found::Remembered, false, start));
    assert_eq!(dialler.due(start), Some((peer(1), at(1))));
    assert_eq!(dialler.due(start), None);

    let mut now = start;
    let mut waits = Vec::new();
    for _ in 0..14 {
        dialler.failed(&peer(1), now);
        let next = dialler.next().unwrap();
        waits.push(next - now);
        assert_eq!(dialler.waits(&peer(1), now), Some(next - now));
        assert_eq!(dialler.due(next - Duration::from_millis(1)), None);
        now = next;
        assert!(dialler.due(now).is_some());
        assert_eq!(dialler.waits(&peer(1), now), Some(Duration::ZERO));
    }
    dialler.connected(&peer(1), None);
    assert_eq!(dialler.waits(&peer(1), now), None);
    assert_eq!(dialler.waits(&peer(2), now), None, "nobody we want");
    for (wait, seconds) in waits.iter().zip([1, 2, 4, 8, 16, 32, 64, 128]) {
        assert!(
            *wait >= SECOND * seconds * 3 / 4 && *wait <= SECOND * seconds * 5 / 4,
            "{wait:?}"
        );
    }
    assert!(waits.iter().all(|wait| *wait <= LONGEST));
    assert!(*waits.last().unwrap() >= LONGEST * 3 / 4);
}

#[test]
fn a_nudge_ends_the_wait() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(1), at(1), Found::Remembered, false, start);
    for _ in 0..5 {
        dialler.due(start);
        dialler.failed(&peer(1), start);
    }
    assert!(dialler.due(start + SECOND).is_none());
    dialler.nudge(&peer(1), start + SECOND);
    assert!(dialler.due(start + SECOND).is_some());
    dialler.failed(&peer(1), start + SECOND);
    assert!(dialler.next().unwrap() - start <= SECOND * 9 / 4);
}

#[test]
fn on_the_lan_the_smaller_id_dials_first() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(900), at(1), Found::Lan, false, start);
    dialler.want(peer(2), at(2), Found::Lan, false, start);
    assert_eq!(dialler.due(start), Some((peer(900), at(1))));
    assert_eq!(dialler.due(start), None);
    assert_eq!(dialler.due(start + FALLBACK), Some((peer(2), at(2))));
}

#[test]
fn a_lost_peer_is_dialled_within_half_a_second() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(900), at(1), Found::Manual, false, start);
    dialler.due(start);
    dialler.connected(&peer(900), at(1).pop());
    dialler.admitted(&peer(900));
    assert_eq!(dialler.next(), None);
    dialler.disconnected(&peer(900), Some(SECOND), start);
    assert_eq!(dialler.next(), Some(start + REDIAL));
    assert!(dialler.due(start + REDIAL).is_some());
}

#[test]
fn a_peer_that_is_never_admitted_is_dialled_ever_more_rarely() {
    let (mut dialler, mut now) = dialler();
    dialler.want(peer(1), at(1), Found::Lan, false, now);
    for tries in 1..6 {
        now = dialler.next().unwrap();
        assert!(dialler.due(now).is_some());
        dialler.connected(&peer(1), None);
        dialler.disconnected(&peer(1), None, now);
        assert_eq!(
            dialler.next().unwrap() - now,
            back_off(&peer(500), peer(1), tries)
        );
    }
}

#[test]
fn the_last_good_address_comes_first_and_eight_are_kept() {
    let (mut dialler, start) = dialler();
    let many: Vec<Multiaddr> = (1..20).flat_map(at).collect();
    dialler.want(peer(1), many, Found::Remembered, false, start);
    let (_, dialled) = dialler.due(start).unwrap();
    assert_eq!(dialled.len(), limits::ADDRESSES);
    dialler.connected(&peer(1), at(5).pop());
    dialler.learned(&peer(1), (100..200).flat_map(at).collect());
    dialler.disconnected(&peer(1), Some(SECOND), start);
    let (_, dialled) = dialler.due(start + SECOND).unwrap();
    assert_eq!(dialled.first(), at(5).first());
    assert_eq!(dialled.len(), limits::ADDRESSES);
}

#[test]
fn wanted_while_connected_is_for_later() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(1), at(1), Found::Remembered, true, start);
    assert_eq!(dialler.next(), None);
    dialler.disconnected(&peer(1), None, start);
    assert!(dialler.next().is_some());
    dialler.unwant(&peer(1));
    assert_eq!(dialler.next(), None);
}

#[test]
fn without_an_address_nothing_is_dialled_until_one_is_known() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(1), Vec::new(), Found::Remembered, false, start);
    assert_eq!(dialler.next(), None);
    dialler.nudge(&peer(1), start);
    assert_eq!(dialler.next(), None);
    dialler.want(peer(1), at(1), Found::Remembered, false, start);
    assert!(dialler.due(start).is_some());
}

#[test]
fn blocked_peers_are_not_dialled() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(1), at(1), Found::Remembered, false, start);
    dialler.block(peer(1));
    assert_eq!(dialler.due(start), None);
    dialler.nudge(&peer(1), start);
    assert_eq!(dialler.due(start), None);
    dialler.unblock(&peer(1), start);
    assert!(dialler.due(start).is_some());
}

#[test]
fn everything_is_bounded() {
    let (mut dialler, start) = dialler();
    for n in 1_000..2_000 {
        dialler.want(peer(n), at(1), Found::Lan, false, start);
    }
    assert_eq!(dialler.wanted.len(), limits::WANTED_LAN);
    for n in 10_000..20_000 {
        dialler.want(peer(n), at(1), Found::Remembered, false, start);
    }
    assert_eq!(dialler.wanted.len(), limits::WANTED);
    assert_eq!(
        std::iter::from_fn(|| dialler.due(start)).count(),
        limits::DIALS
    );
    assert_eq!(dialler.next(), None);
    // A new LAN peer takes the place of one that did not answer.
    dialler.failed(&peer(1_000), start);
    dialler.unwant(&peer(10_000));
    assert!(dialler.want(peer(3_000), at(1), Found::Lan, false, start));
}

#[test]
fn a_peer_gone_from_the_lan_is_forgotten_unless_connected() {
    let (mut dialler, start) = dialler();
    dialler.want(peer(1), at(1), Found::Lan, false, start);
    dialler.expired(&peer(1));
    assert_eq!(dialler.found(&peer(1)), None);
    dialler.want(peer(1), at(1), Found::Lan, false, start);
    dialler.connected(&peer(1), None);
    dialler.expired(&peer(1));
    assert_eq!(dialler.found(&peer(1)), Some(Found::Lan));
}
