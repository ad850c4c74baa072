//! What may happen to nodes and people, one act after the other as the dice fall.

use std::sync::mpsc;

use serde_bytes::ByteBuf;

use super::*;

impl World {
    pub(super) async fn lives(&mut self) {
        for act in 0..ACTS {
            self.act = act;
            match self.dice.below(100) {
                0..40 => self.says(1).await,
                40..48 => self.says(6).await,
                48..56 => self.parts_or_meets().await,
                56..62 => self.breaks(),
                62..66 => self.hangs(),
                66..72 => self.brings_again().await,
                72..79 => self.adds().await,
                79..84 => self.removes().await,
                84..89 => self.ranks().await,
                89..91 => self.leaves().await,
                91..94 => self.crashes().await,
                _ => self.turns_clock(),
            }
            let pause = self.dice.below(30);
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
        }
    }

    /// Several people write at once.
    async fn says(&mut self, count: usize) {
        let mut tasks = Vec::new();
        for _ in 0..count {
            tasks.push(self.begins_to_say(None));
        }
        for (at, task) in tasks {
            self.said[at].kept = task.await.unwrap();
            let (who, group) = (self.said[at].author, self.said[at].group);
            let after = self.members_seen_by(who, group);
            self.said[at].audience.extend(after);
        }
    }

    fn begins_to_say(&mut self, on: Option<usize>) -> (usize, tokio::task::JoinHandle<bool>) {
        let there: Vec<usize> = (0..PEOPLE)
            .filter(|who| on.is_none_or(|node| self.people[*who].node == node))
            .collect();
        let who = there[self.dice.below(there.len())];
        let group = self.dice.below(GROUPS);
        let text = format!("{} {} {}", self.people[who].nick, self.act, self.said.len());
        let audience = self.members_seen_by(who, group);
        let (handle, chat) = (self.handle(who), self.groups[group]);
        self.said.push(Said {
            group,
            author: who,
            text: text.clone(),
            kept: false,
            audience,
            act: self.act,
        });
        let draft = Draft {
            text,
            ..Draft::default()
        };
        let task = tokio::spawn(async move { handle.send(chat, draft).await.is_ok() });
        (self.said.len() - 1, task)
    }

    async fn parts_or_meets(&mut self) {
        let (a, b) = self.dice.two(NODES);
        let pair = (a.min(b), a.max(b));
        let (one, other) = (self.nodes[a].engine(), self.nodes[b].engine());
        if self.apart.remove(&pair) {
            one.shared().network.unblock(other.shared().node_id);
            other.shared().network.unblock(one.shared().node_id);
            self.tell(format!("{a} and {b} meet"));
        } else {
            cut(one, other).await;
            self.apart.insert(pair);
            self.tell(format!("{a} and {b} lose each other"));
        }
    }

    /// A connection breaks in the middle of whatever passes: what was sent may be here and its ack is not.
    fn breaks(&mut self) {
        let (a, b) = self.dice.two(NODES);
        let other = self.nodes[b].engine().shared().node_id;
        self.nodes[a].engine().shared().network.close(other);
        self.tell(format!("{a} drops {b}"));
    }

    /// A node does nothing for a while: everything to and from it is late.
    fn hangs(&mut self) {
        let n = self.dice.below(NODES);
        let pause = Duration::from_millis(100 + self.dice.below(400) as u64);
        let shared = self.nodes[n].engine().shared().clone();
        tokio::spawn(async move {
            let sleeps = move |_: &mut crate::turn::Turn<'_, '_>| {
                std::thread::sleep(pause);
                Ok(())
            };
            let _ = shared.inputs.run(From::Others, sleeps).await;
        });
        self.tell(format!("{n} hangs for {pause:?}"));
    }

    /// A node brings another some of what it has, in any order, as if it came by a longer way.
    async fn brings_again(&mut self) {
        let (a, b) = self.dice.two(NODES);
        let chat = self.groups[self.dice.below(GROUPS)];
        if self.apart.contains(&(a.min(b), a.max(b))) {
            return;
        }
        let (from, to) = (
            self.nodes[a].engine().shared().clone(),
            self.nodes[b].engine().shared().clone(),
        );
        let mut wires = Vec::new();
        {
            let rows = from.store.read().unwrap();
            if let Some(no) = chats::number(&rows, chat).unwrap() {
                for (feed, _) in events::feeds(&rows, no).unwrap() {
                    wires.extend(events::range(&rows, feed, 0, u64::MAX, 64, 1 << 20).unwrap());
                }
            }
        }
        let mut some = Vec::new();
        while !wires.is_empty() && some.len() < 24 {
            let wire = wires.swap_remove(self.dice.below(wires.len()));
            some.push(ByteBuf::from(wire));
        }
        self.tell(format!("{a} brings {b} {} events", some.len()));
        crate::fetch::take_in(&to, from.node_id, group_ref(chat), some).await;
    }

    fn notes(&mut self, group: usize, by: usize, who: usize, what: Change) {
        let act = self.act;
        self.tell(format!("{by} in g{group}: {who} {what:?}"));
        self.changed.push(Changed {
            group,
            by,
            who,
            what,
            act,
        });
    }

    async fn adds(&mut self) {
        let (by, who) = self.dice.two(PEOPLE);
        let group = self.dice.below(GROUPS);
        let handle = self.handle(by);
        let added = handle.add_members(self.groups[group], [self.people[who].id].into());
        if added.await.is_ok() {
            self.notes(group, by, who, Change::In);
        }
    }

    async fn removes(&mut self) {
        let (by, who) = self.dice.two(PEOPLE);
        let group = self.dice.below(GROUPS);
        let handle = self.handle(by);
        let removed = handle.remove_member(self.groups[group], self.people[who].id);
        if removed.await.is_ok() {
            self.notes(group, by, who, Change::Out);
        }
    }

    async fn ranks(&mut self) {
        let (group, who) = (self.dice.below(GROUPS), self.dice.below(PEOPLE));
        // The owner of a group is the person with its number.
        let admin = self.dice.below(3) > 0;
        let handle = self.handle(group);
        let ranked = handle.set_role(self.groups[group], self.people[who].id, admin);
        if ranked.await.is_ok() {
            let what = if admin { Change::In } else { Change::Demoted };
            self.notes(group, group, who, what);
        }
    }

    async fn leaves(&mut self) {
        let (group, who) = (self.dice.below(GROUPS), self.dice.below(PEOPLE));
        let handle = self.handle(who);
        let left = handle.remove_member(self.groups[group], self.people[who].id);
        if left.await.is_ok() {
            self.notes(group, who, who, Change::Out);
        }
    }

    fn turns_clock(&mut self) {
        let n = self.dice.below(NODES);
        let span = usize::try_from(2 * SKEW_MS).unwrap();
        let skew = i64::try_from(self.dice.below(span)).unwrap() - i64::try_from(SKEW_MS).unwrap();
        self.nodes[n].skew_ms = skew;
        set_skew(self.nodes[n].engine(), skew);
        self.tell(format!(
            "the clock of {n} is wrong by {} min",
            skew / 60_000
        ));
    }

    /// The node ends as by kill -9: what it was about to keep is not kept, and nobody heard of it.
    async fn crashes(&mut self) {
        let n = self.dice.below(NODES);
        let tasks: Vec<_> = (0..4).map(|_| self.begins_to_say(Some(n))).collect();
        let pause = self.dice.below(4) as u64;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let shared = self.nodes[n].engine().shared().clone();
        let (held, is_held) = tokio::sync::oneshot::channel();
        let (let_go, wait) = mpsc::channel::<()>();
        // While the writer stands still nothing is kept and no answer leaves.
        let hold = tokio::spawn({
            let shared = shared.clone();
            async move {
                let stands = move |_: &mut crate::turn::Turn<'_, '_>| {
                    let _ = held.send(());
                    let _ = wait.recv();
                    Ok(())
                };
                let _ = shared.inputs.run(From::Local, stands).await;
            }
        });
        is_held.await.unwrap();
        for (at, task) in &tasks {
            self.said[*at].kept = task.is_finished();
        }
        self.nodes[n].dir.keep("crash");
        shared.network.stop().await;
        let_go.send(()).unwrap();
        hold.await.unwrap();
        drop(shared);
        let engine = self.nodes[n].engine.take().unwrap();
        stop(engine).await;
        for (at, task) in tasks {
            // One that had been refused had been answered, too.
            let sent = task.await.unwrap();
            self.said[at].kept &= sent;
        }
        let node = &mut self.nodes[n];
        node.dir.restore("crash");
        std::fs::remove_dir_all(node.dir.0.join("crash")).unwrap();
        let engine = start(&node.dir, &node.name).await;
        hurry(&engine);
        set_skew(&engine, node.skew_ms);
        node.engine = Some(engine);
        for (a, b) in &self.apart {
            if *a == n || *b == n {
                let other = self.nodes[a + b - n].engine().shared().node_id;
                self.nodes[n].engine().shared().network.block(other);
            }
        }
        self.tell(format!("{n} crashes and starts"));
    }
}
