//! What must hold when all is healed.

use std::collections::{BTreeMap, BTreeSet};

use chater_protocol::event::VerifiedEvent;

use super::*;
use crate::view::ChatState;

/// How long healed nodes may take, on a busy machine.
const HEALED: Duration = Duration::from_secs(45);

/// Everything somebody sees of a chat, oldest first; none while a text cannot be read.
fn history(of: &UserHandle, chat: ChatId) -> Result<Vec<(EventId, String)>, String> {
    let mut pages: Vec<Vec<Message>> = Vec::new();
    let mut anchor = Anchor::Newest;
    loop {
        let page = of.messages(chat, anchor, 200);
        let page = page.map_err(|error| format!("no page: {error:?}"))?;
        pages.push(page.messages);
        match page.older {
            Some(older) => anchor = Anchor::Before(older),
            None => break,
        }
    }
    let all = pages.into_iter().rev().flatten();
    all.map(|message| {
        let text = message.text.ok_or("a message that cannot be read")?;
        Ok((message.id, text))
    })
    .collect()
}

impl World {
    /// Waits until the healed nodes are alike.
    pub(super) async fn is_alike(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let why = match self.look() {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            if began.elapsed() > HEALED {
                return Err(why);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.time_passes().await;
        }
    }

    fn look(&self) -> Result<(), String> {
        for group in 0..GROUPS {
            self.members_are_alike(group)?;
            self.messages_are_alike(group)?;
            self.those_who_are_out_read_no_more(group)?;
        }
        Ok(())
    }

    fn inside(&self, group: usize) -> Vec<usize> {
        let inside = self.members_seen_by(group, group);
        (0..PEOPLE)
            .filter(|who| inside.contains(&self.people[*who].id))
            .collect()
    }

    fn members_are_alike(&self, group: usize) -> Result<(), String> {
        let chat = self.groups[group];
        let seats = |who: usize| -> Result<BTreeMap<UserId, String>, String> {
            let members = self.handle(who).members(chat);
            let members = members.map_err(|error| format!("g{group} at p{who}: {error:?}"))?;
            let seat = |m: crate::view::Member| (m.person.user_id, format!("{:?}", m.role));
            Ok(members.into_iter().map(seat).collect())
        };
        let wanted = seats(group)?;
        for who in 0..PEOPLE {
            let inside = wanted.contains_key(&self.people[who].id);
            let state = self.handle(who).chat(chat).map(|chat| chat.state);
            match (inside, state) {
                (true, Ok(ChatState::Open)) => {
                    let seen = seats(who)?;
                    if seen != wanted {
                        return Err(format!(
                            "g{group}: p{who} sees {seen:?}, its owner {wanted:?}"
                        ));
                    }
                }
                (false, Ok(ChatState::Left) | Err(_)) => {}
                (_, state) => {
                    return Err(format!("g{group} at p{who}: {state:?}, a member: {inside}"));
                }
            }
        }
        Ok(())
    }

    /// Whether somebody was never taken out, by anybody, nor put in by somebody whose acts may be void: what they
    /// wrote must be there. What others wrote may not count, in the same way for all.
    fn is_steady(&self, who: usize, group: usize) -> bool {
        let of_group = || self.changed.iter().filter(|change| change.group == group);
        let at_first = (who + group) % 3 != 2 || who == group;
        let by_owner = of_group()
            .any(|change| (change.who, change.by, change.what) == (who, group, Change::In));
        let out = of_group().any(|change| change.who == who && change.what == Change::Out);
        (at_first || by_owner) && !out
    }

    fn messages_are_alike(&self, group: usize) -> Result<(), String> {
        let chat = self.groups[group];
        let shown = history(&self.handle(group), chat)?;
        for who in self.inside(group) {
            let here = history(&self.handle(who), chat)
                .map_err(|why| format!("g{group} at p{who}: {why}"))?;
            if let Some(at) =
                (0..here.len().max(shown.len())).find(|at| here.get(*at) != shown.get(*at))
            {
                let nodes = [who, group].map(|who| self.people[who].node);
                return Err(format!(
                    "g{group}: message {at} of {} at p{who} is {:?}, of {} at its owner {:?}\n{}",
                    here.len(),
                    here.get(at),
                    shown.len(),
                    shown.get(at),
                    self.difference(chat, nodes, [here.get(at), shown.get(at)]),
                ));
            }
        }
        let texts: BTreeSet<&str> = shown.iter().map(|(_, text)| text.as_str()).collect();
        if texts.len() != shown.len() {
            return Err(format!("g{group}: a message is there twice"));
        }
        let mut said = BTreeSet::new();
        for one in self.said.iter().filter(|one| one.group == group) {
            said.insert(one.text.as_str());
            let counts = one.kept && self.is_steady(one.author, group);
            if counts && !texts.contains(one.text.as_str()) {
                return Err(format!("g{group}: {:?} was kept and is lost", one.text));
            }
        }
        match texts.iter().find(|text| !said.contains(**text)) {
            Some(text) => Err(format!("g{group}: nobody wrote {text:?}")),
            None => Ok(()),
        }
    }

    /// Where two nodes have some messages, and which events only one of them has.
    fn difference(
        &self,
        chat: ChatId,
        nodes: [usize; 2],
        messages: [Option<&(EventId, String)>; 2],
    ) -> String {
        let mut told = String::new();
        let mut sets = Vec::new();
        for node in nodes {
            let rows = self.nodes[node].engine().shared().store.read().unwrap();
            let no = chats::number(&rows, chat).unwrap().unwrap();
            for (id, text) in messages.into_iter().flatten() {
                let stored = events::find(&rows, *id).unwrap();
                told += &format!("node {node}, {text:?}: {stored:?}\n");
            }
            let mut set = BTreeMap::new();
            for (feed_no, feed) in events::feeds(&rows, no).unwrap() {
                let wires =
                    events::range(&rows, feed_no, 0, u64::MAX, usize::MAX, usize::MAX).unwrap();
                for wire in wires {
                    let event = VerifiedEvent::from_store(&wire).unwrap();
                    set.insert(
                        event.id(),
                        (
                            feed.lane,
                            event.header().seq,
                            event.header().kind,
                            feed.author.short(),
                        ),
                    );
                }
            }
            sets.push(set);
        }
        for (one, other) in [(0, 1), (1, 0)] {
            for (id, what) in &sets[one] {
                if !sets[other].contains_key(id) {
                    told += &format!("only node {}: {what:?}\n", nodes[one]);
                }
            }
        }
        told
    }

    /// Whoever is out shows nothing that was written by somebody whose node knew it, unless they came in again later
    /// and went again.
    fn those_who_are_out_read_no_more(&self, group: usize) -> Result<(), String> {
        let inside = self.inside(group);
        for who in (0..PEOPLE).filter(|who| !inside.contains(who)) {
            let Ok(shown) = history(&self.handle(who), self.groups[group]) else {
                continue;
            };
            let shown: BTreeSet<String> = shown.into_iter().map(|(_, text)| text).collect();
            for one in self.said.iter().filter(|one| one.group == group) {
                let mut later = self.changed.iter().filter(|change| change.act >= one.act);
                // Whoever is taken out later was in again before, or for somebody never out: a removal by an admin who is
                // demoted elsewhere at the same time does not count (M4), and a member reads what came before.
                let back = later.any(|change| {
                    (change.group, change.who) == (group, who)
                        && matches!(change.what, Change::In | Change::Out)
                });
                let meant = one.audience.contains(&self.people[who].id);
                if !meant && !back && shown.contains(&one.text) {
                    return Err(format!(
                        "g{group}: p{who} is out and reads {:?}, which was not for them",
                        one.text
                    ));
                }
            }
        }
        Ok(())
    }
}
