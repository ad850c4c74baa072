//! The picture of the network: an SVG made here, without style or script. The table below it holds the same.

use std::fmt::Write as _;

use chater_engine::view::{LinkState, Peer, Way};

use crate::i18n::Look;

/// Nodes drawn at most, each in a place of its own.
const DRAWN: usize = 24;
/// Letters of a name that fit beside the others.
const LETTERS: usize = 11;
/// The own node.
const MIDDLE: (f64, f64) = (300.0, 195.0);

/// The picture of the own node and its neighbours.
pub(crate) struct Picture {
    /// SVG.
    pub(crate) svg: String,
    /// How many were left out.
    pub(crate) more: usize,
}

/// Where nodes stand: the place among the 24 comes from the id, so that nobody jumps when others come and go. If it is
/// taken, the next one is.
fn places<'a>(peers: &[&'a Peer]) -> Vec<(usize, &'a Peer)> {
    let mut sorted = peers.to_vec();
    sorted.sort_by_key(|peer| peer.node_id);
    let mut taken = [false; DRAWN];
    let mut found = Vec::new();
    for peer in sorted {
        let id = peer.node_id.as_bytes();
        let hash = id.iter().fold(17usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(*byte)) % 65_521
        });
        let free = (0..DRAWN)
            .map(|step| (hash + step) % DRAWN)
            .find(|at| taken.get(*at) == Some(&false));
        if let Some(at) = free {
            if let Some(slot) = taken.get_mut(at) {
                *slot = true;
            }
            found.push((at, peer));
        }
    }
    found
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn short(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return escaped(name);
    }
    let cut: String = name.chars().take(LETTERS - 1).collect();
    format!("{}…", escaped(&cut))
}

fn is_relayed(peer: &Peer) -> bool {
    matches!(peer.path, Some(Way::Relay { .. }))
}

fn is_linked(peer: &Peer) -> bool {
    peer.state == LinkState::Connected
}

/// What the picture shows, for those who do not see it.
fn summary(look: &Look, own: &str, shown: &[(usize, &Peer)], more: usize) -> String {
    let names = |fits: fn(&Peer) -> bool| {
        let peers = shown.iter().filter(|(_, peer)| fits(peer));
        let names: Vec<&str> = peers.map(|(_, peer)| peer.name.as_str()).collect();
        names.join(", ")
    };
    let mut parts = vec![look.a("map-own", own)];
    let direct = names(|peer| is_linked(peer) && !is_relayed(peer));
    if !direct.is_empty() {
        parts.push(look.a("map-direct", direct));
    }
    let relayed = names(|peer| is_linked(peer) && is_relayed(peer));
    if !relayed.is_empty() {
        parts.push(look.a("map-relayed", relayed));
    }
    let away = names(|peer| !is_linked(peer));
    if !away.is_empty() {
        parts.push(look.a("map-away", away));
    }
    if more > 0 {
        parts.push(format!("{}.", look.a("map-more", more)));
    }
    parts.push(look.t("map-table"));
    parts.join(" ")
}

/// Draws the own node in the middle and its neighbours around it; of many those linked.
pub(crate) fn picture(look: &Look, own: &str, peers: &[Peer]) -> Picture {
    // They come linked first.
    let drawn: Vec<&Peer> = peers.iter().take(DRAWN).collect();
    let more = peers.len() - drawn.len();
    let shown = places(&drawn);
    let label = escaped(&summary(look, own, &shown, more));
    let mut svg =
        format!("<svg class=\"map\" viewBox=\"0 0 600 400\" role=\"img\" aria-label=\"{label}\">");
    let (x, y) = MIDDLE;
    let mut nodes = String::new();
    for (at, peer) in &shown {
        let angle = *at as f64 / DRAWN as f64 * std::f64::consts::TAU;
        // Neighbouring places lie on two rings, or their names would touch.
        let (wide, high) = if at % 2 == 0 {
            (240.0, 150.0)
        } else {
            (160.0, 104.0)
        };
        let (px, py) = (x + wide * angle.cos(), y + high * angle.sin());
        let radius = (14.0 + 3.0 * f64::from(peer.people).sqrt()).min(30.0);
        let line = match (is_linked(peer), is_relayed(peer)) {
            (true, false) => "ln",
            (true, true) => "ln rel",
            (false, _) => "ln offl",
        };
        let _ = write!(
            svg,
            "<path class=\"{line}\" d=\"M{x:.0} {y:.0} {px:.0} {py:.0}\"/>"
        );
        let (node, text, people) = if is_linked(peer) {
            ("nd", "", peer.people.to_string())
        } else {
            ("nd ndo", " class=\"t2\"", "–".to_owned())
        };
        let (name, inside, below) = (short(&peer.name), py + 5.0, py + radius + 16.0);
        let _ = write!(
            nodes,
            "<g><circle class=\"{node}\" cx=\"{px:.0}\" cy=\"{py:.0}\" r=\"{radius:.0}\"/>\
             <text{text} x=\"{px:.0}\" y=\"{inside:.0}\">{people}</text>\
             <text{text} x=\"{px:.0}\" y=\"{below:.0}\">{name}</text></g>"
        );
    }
    svg.push_str(&nodes);
    let (name, you) = (short(own), escaped(&look.t("map-you")));
    let (first, second) = (y - 2.0, y + 16.0);
    let _ = write!(
        svg,
        "<circle class=\"halo\" cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"58\"/>\
         <circle class=\"nd self\" cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"44\"/>\
         <text class=\"selft\" x=\"{x:.0}\" y=\"{first:.0}\">{name}</text>\
         <text class=\"selft sub\" x=\"{x:.0}\" y=\"{second:.0}\">{you}</text></svg>"
    );
    Picture { svg, more }
}

#[cfg(test)]
mod tests {
    use chater_engine::id::NodeId;

    use super::*;

    fn peer(byte: u8, name: &str) -> Peer {
        Peer {
            node_id: NodeId([byte; 32]),
            name: name.to_owned(),
            state: LinkState::Connected,
            addresses: Vec::new(),
            people: u32::from(byte),
            waiting: 0,
            since_ms: None,
            rtt_ms: None,
            found: "lan",
            path: Some(Way::Direct),
            common: Vec::new(),
            agent: None,
            held: false,
            off: false,
            listed: false,
            left_out: false,
        }
    }

    #[test]
    fn each_has_a_place_that_comes_from_its_id() {
        let (a, b) = (peer(1, "a"), peer(2, "b"));
        let alone = places(&[&a]);
        let both = places(&[&b, &a]);
        assert!(both.contains(&alone.first().cloned().expect("a place")));
        let many: Vec<Peer> = (0..40).map(|at| peer(at, "x")).collect();
        let refs: Vec<&Peer> = many.iter().take(DRAWN).collect();
        let mut at: Vec<usize> = places(&refs).into_iter().map(|(at, _)| at).collect();
        at.sort_unstable();
        assert_eq!(at, (0..DRAWN).collect::<Vec<_>>());
    }

    #[test]
    fn the_picture_says_what_it_shows_and_carries_no_markup_of_names() {
        let look = crate::i18n::tests::look();
        let mut away = peer(3, "<b>&\"");
        away.state = LinkState::Away;
        let mut relayed = peer(2, "port");
        relayed.path = Some(Way::Relay {
            node_id: NodeId([1; 32]),
            name: "dacha".to_owned(),
        });
        let drawn = picture(&look, "dom", &[peer(1, "dacha"), relayed, away]);
        assert!(drawn.svg.contains("role=\"img\"") && drawn.svg.contains("dacha"));
        assert!(drawn.svg.contains("class=\"ln rel\"") && drawn.svg.contains("class=\"ln offl\""));
        assert!(!drawn.svg.contains("<b>") && !drawn.svg.contains("style="));
        assert_eq!(drawn.more, 0);
        let many: Vec<Peer> = (0..30).map(|at| peer(at, "x")).collect();
        assert_eq!(picture(&look, "dom", &many).more, 6);
    }
}
