//! Groups told event by event: back-dating, forks, cuts, retires, history and what a home may do.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first wrong thing"
)]

#[path = "common/groups.rs"]
mod groups;
#[path = "common/story.rs"]
mod story;

use chater_protocol::chat::group::{Branches, FeedEvent, Group, Judgement, Outcome, Part, Rank};
use chater_protocol::event::{Kind, Rejected};
use chater_protocol::heads::HeadRow;
use chater_protocol::id::{EventId, HomeId};
use chater_protocol::limits;
use chater_protocol::payload::{CutRow, Payload as _, Remove, Role};

use groups::{At, Event, NOW, Rng, Say, insert, policy};
use story::{ADMIN, ADMIN_2, MEMBER, OWNER, REMOVED, Story, X};

/// The group after all events so far, whatever order they came in.
fn group(story: &Story) -> Group {
    let mut events = story.events.clone();
    let mut states = Vec::new();
    for turn in 0..3 {
        let mut group = Group::new(story.group);
        for event in &events {
            insert(&mut group, event);
        }
        states.push((groups::seen(story.people, &group), group));
        Rng(turn).shuffle(&mut events);
    }
    assert!(states.iter().all(|(seen, _)| *seen == states[0].0));
    states.pop().unwrap().1
}

fn rank(story: &Story, user: u8) -> Option<Rank> {
    group(story).rank(&story.people.user(user))
}

const ADMIN_RANK: Option<Rank> = Some(Rank::Admin);
const MEMBER_RANK: Option<Rank> = Some(Rank::Member);

/// A story where ADMIN has added X2 = MEMBER's friend X, and was then removed up to that add.
fn a_removed_admin() -> (Story, Event, Vec<EventId>) {
    let mut story = Story::new('-');
    let before = story.heads();
    let add = story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let cut = story.cut(ADMIN);
    story.then(At(OWNER, 0), Say::Remove(ADMIN, cut));
    assert_eq!(rank(&story, X), MEMBER_RANK, "the add was seen and stands");
    (story, add, before)
}

/// M3: old heads are named, as if the remove were not known.
#[test]
fn a_removed_admin_cannot_back_date() {
    let (mut story, _, before) = a_removed_admin();
    for home in [0, 1] {
        story.write(At(ADMIN, home), before.clone(), Say::Remove(MEMBER, vec![]));
        story.write(At(ADMIN, home), before.clone(), Say::Remove(X, vec![]));
        story.write(
            At(ADMIN, home),
            before.clone(),
            Say::Add(REMOVED, Role::Member),
        );
    }
    assert_eq!(rank(&story, MEMBER), MEMBER_RANK);
    assert_eq!(rank(&story, X), MEMBER_RANK);
    assert_eq!(rank(&story, REMOVED), None);
}

/// M3: "only if it itself stands": else the leave or retire would void the old adds.
#[test]
fn a_removed_admin_cannot_undo_its_adds_by_leaving_or_retiring() {
    let (mut story, _, before) = a_removed_admin();
    story.write(At(ADMIN, 1), before.clone(), Say::Leave(vec![]));
    assert_eq!(rank(&story, X), MEMBER_RANK);
    story.write(At(ADMIN, 2), before, Say::Retire(0, vec![], true));
    assert_eq!(rank(&story, X), MEMBER_RANK);
}

/// The same for an admin who is a plain member now: the leave ends the stay, not the old adds.
#[test]
fn a_former_admin_cannot_undo_its_adds_by_leaving() {
    let mut story = Story::new('-');
    story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let cut = story.cut(ADMIN);
    story.then(At(OWNER, 0), Say::Role(ADMIN, Role::Member, cut));
    story.then(At(ADMIN, 1), Say::Leave(vec![]));
    assert_eq!(rank(&story, ADMIN), None);
    assert_eq!(rank(&story, X), MEMBER_RANK);
}

/// L7: the cut of the remove picks the branch; the fork is nothing.
#[test]
fn a_removed_admin_cannot_undo_its_adds_by_a_fork() {
    let (mut story, add, before) = a_removed_admin();
    let fork = story.people.event(
        story.group,
        At(ADMIN, 0),
        None,
        before,
        NOW,
        Say::Leave(vec![]),
    );
    assert_eq!((fork.header.seq, add.header.seq), (0, 0));
    story.events.push(fork.clone());
    assert_eq!(rank(&story, X), MEMBER_RANK);
    assert_eq!(group(&story).is_live(&fork.id), Some(false));
    // An event that named the losing branch counts all the same: only its past grew.
    let heads = vec![fork.id, story.heads()[0]];
    let named = story.write(At(OWNER, 1), heads, Say::Role(X, Role::Admin, vec![]));
    assert_eq!(group(&story).is_valid(&named.id), Some(true));
    assert_eq!(rank(&story, X), ADMIN_RANK);
}

/// L7: without a cut all that stands from the fork on is void, what is below it counts.
#[test]
fn an_unsettled_fork_voids_from_there_on() {
    let mut story = Story::new('-');
    let first = story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let heads = story.heads();
    story.then(At(ADMIN, 0), Say::Add(REMOVED, Role::Member));
    assert_eq!(rank(&story, REMOVED), MEMBER_RANK);
    let other = Say::Remove(MEMBER, vec![]);
    let other = story
        .people
        .event(story.group, At(ADMIN, 0), Some(&first), heads, NOW, other);
    story.events.push(other);
    assert_eq!(rank(&story, X), MEMBER_RANK, "below the fork");
    assert_eq!(rank(&story, REMOVED), None, "one branch");
    assert_eq!(rank(&story, MEMBER), MEMBER_RANK, "the other");
}

/// L7: of two cuts that pick different branches the lower id; above it nothing.
#[test]
fn of_two_cuts_the_lower_id_picks() {
    let mut story = Story::new('-');
    let heads = story.heads();
    let one = story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let other = Say::Add(REMOVED, Role::Member);
    let other = story
        .people
        .event(story.group, At(ADMIN, 0), None, heads.clone(), NOW, other);
    story.events.push(other.clone());
    let all = [heads, vec![one.id, other.id]].concat();
    for (n, branch) in [&one, &other].into_iter().enumerate() {
        let say = Say::Role(ADMIN, Role::Member, vec![branch.row()]);
        story.write(At(OWNER, n as u8), all.clone(), say);
    }
    // Both cuts hold, and the branch that lost is beyond the cut that names the other at its seq.
    let (x, removed) = (rank(&story, X), rank(&story, REMOVED));
    assert_eq!((x, removed), (None, None));
    // One cut alone settles it.
    story.events.pop();
    assert_eq!(rank(&story, X), MEMBER_RANK);
    assert_eq!(rank(&story, REMOVED), None);
}

/// I8: a stolen home of the owner is stopped by the root, from another home.
#[test]
fn a_retire_ends_a_stolen_home() {
    let mut story = Story::new('m');
    let cut = vec![story.last(At(OWNER, 0)).unwrap().row()];
    story.then(At(OWNER, 0), Say::Remove(X, vec![]));
    assert_eq!(rank(&story, X), None);
    // Not signed by the root: void.
    story.then(At(OWNER, 1), Say::Retire(0, cut.clone(), false));
    assert_eq!(rank(&story, X), None);
    story.then(At(OWNER, 1), Say::Retire(0, cut, true));
    assert_eq!(rank(&story, X), MEMBER_RANK);
    let homes = [(
        story.people.user(OWNER),
        vec![
            story.people.home(At(OWNER, 0)),
            story.people.home(At(OWNER, 1)),
        ],
    )];
    let holders = group(&story).holders(&homes.into());
    let left = (story.people.user(OWNER), story.people.home(At(OWNER, 1)));
    assert_eq!(holders, [left].into(), "K3: the retired home holds no key");
}

/// I8: a leave is not undone by a retire that cuts below it.
#[test]
fn a_retire_does_not_undo_a_leave() {
    let mut story = Story::new('m');
    let heads = story.heads();
    story.write(At(X, 0), heads.clone(), Say::Leave(vec![]));
    story.write(At(X, 1), heads, Say::Retire(0, vec![], true));
    assert_eq!(rank(&story, X), None);
}

/// M4: two admins remove each other: neither is gone. After the owner takes admin, any admin may.
#[test]
fn admins_do_not_remove_admins() {
    let mut story = Story::new('m');
    let heads = story.heads();
    story.write(At(ADMIN, 0), heads.clone(), Say::Remove(ADMIN_2, vec![]));
    story.write(At(ADMIN_2, 0), heads, Say::Remove(ADMIN, vec![]));
    assert_eq!(
        [rank(&story, ADMIN), rank(&story, ADMIN_2)],
        [ADMIN_RANK; 2]
    );
    // An admin that it knew cannot be removed by an event from before the grant either.
    let cut = story.cut(ADMIN_2);
    story.then(At(OWNER, 0), Say::Role(ADMIN_2, Role::Member, cut));
    story.then(At(ADMIN, 0), Say::Remove(ADMIN_2, vec![]));
    assert_eq!(rank(&story, ADMIN_2), None);
}

/// M8: an add that the owner had not seen is undone with the admin.
#[test]
fn removing_an_admin_undoes_what_the_owner_had_not_seen() {
    let mut story = Story::new('-');
    let heads = story.heads();
    let cut = story.cut(ADMIN);
    let add = story.write(At(ADMIN, 0), heads.clone(), Say::Add(X, Role::Member));
    let before = group(&story);
    assert_eq!(
        before.added_by(&story.people.user(X))[0].by,
        story.people.user(ADMIN)
    );
    story.write(At(OWNER, 0), heads, Say::Remove(ADMIN, cut));
    let after = group(&story);
    let undone = |group: &Group| {
        group
            .adds()
            .into_iter()
            .find(|a| a.event == add.id)
            .unwrap()
    };
    assert!(undone(&before).valid && !undone(&after).valid);
    assert_eq!(rank(&story, X), None);
}

/// M4 with `who_adds` = 1: members add, but do not bring back; closing undoes what it had not seen.
#[test]
fn members_add_where_the_policy_lets_them() {
    let mut story = Story::new('-');
    story.then(At(OWNER, 0), Say::Policy(policy(1)));
    let back = story.then(At(MEMBER, 0), Say::Add(X, Role::Member));
    assert_eq!(
        group(&story).is_valid(&back.id),
        Some(false),
        "X was removed by the owner"
    );
    story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    story.then(At(X, 0), Say::Leave(vec![]));
    let seen = story.then(At(MEMBER, 0), Say::Add(X, Role::Admin));
    assert_eq!(
        group(&story).is_valid(&seen.id),
        Some(false),
        "never as admin"
    );
    let open = story.heads();
    story.then(At(OWNER, 0), Say::Policy(policy(0)));
    let unseen = story.write(At(MEMBER, 1), open, Say::Add(X, Role::Member));
    assert_eq!(group(&story).is_valid(&unseen.id), Some(false));
}

/// M1: strangers are refused for good; what lacks its past waits and is released.
#[test]
fn strangers_are_refused_and_gaps_wait() {
    let story = Story::new('m');
    let mut group = Group::new(story.group);
    let (create, add) = (&story.events[0], &story.events[1]);
    assert_eq!(
        insert(&mut group, add),
        Outcome::Waits(vec![create.id, create.id])
    );
    assert_eq!(group.missing(), vec![create.id]);
    assert_eq!(
        insert(&mut group, create),
        Outcome::Added(vec![create.id, add.id])
    );
    assert_eq!(insert(&mut group, add), Outcome::Known);
    let say = Say::Add(REMOVED, Role::Member);
    let heads = vec![create.id];
    let stranger = story
        .people
        .event(story.group, At(X, 0), None, heads, NOW, say);
    let refused = Outcome::Refused(Rejected::NotAllowed);
    assert_eq!(insert(&mut group, &stranger), refused);
    // Without ctl a member's event has no past at all.
    let bare = story.people.event(
        story.group,
        At(ADMIN, 0),
        None,
        vec![],
        NOW,
        Say::Leave(vec![]),
    );
    assert_eq!(insert(&mut group, &bare), refused);
    // A prev of another feed.
    let wrong = story.people.event(
        story.group,
        At(ADMIN, 0),
        Some(add),
        vec![add.id],
        NOW,
        Say::Leave(vec![]),
    );
    assert_eq!(
        insert(&mut group, &wrong),
        Outcome::Refused(Rejected::Position)
    );
}

/// M1: a flood of waiting events of one user leaves room for the others.
#[test]
fn waiting_is_bounded() {
    let story = Story::new('m');
    let mut group = Group::new(story.group);
    insert(&mut group, &story.events[0]);
    let flood = |home: u8, n: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let ctl = vec![EventId(id)];
        story
            .people
            .event(story.group, At(X, home), None, ctl, NOW, Say::Leave(vec![]))
    };
    let outcomes = (0..1_100).map(|n| insert(&mut group, &flood(0, n)));
    let later = outcomes.filter(|o| *o == Outcome::Later).count();
    assert_eq!((group.waiting(), later), (1_000, 100));
    assert!(matches!(
        insert(&mut group, &flood(1, 5)),
        Outcome::Waits(_)
    ));
}

/// M1: long cuts fill the room by their bytes long before there are too many events; whoever has less waiting still finds room.
#[test]
fn waiting_has_a_bound_of_bytes() {
    let story = Story::new('m');
    let mut group = Group::new(story.group);
    insert(&mut group, &story.events[0]);
    let row = |n: usize| {
        let mut home = [0; 16];
        home[..8].copy_from_slice(&(n as u64).to_be_bytes());
        CutRow {
            home: HomeId(home),
            lane: 2,
            seq: 1,
            id: EventId([9; 32]),
        }
    };
    let cut: Vec<CutRow> = (0..limits::CUT_ROWS).map(row).collect();
    let waits = |by: u8, n: u16| {
        let mut id = [by; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let (ctl, say) = (vec![EventId(id)], Say::Leave(cut.clone()));
        story
            .people
            .event(story.group, At(by, 0), None, ctl, NOW, say)
    };
    let mut held = 0;
    while matches!(insert(&mut group, &waits(X, held)), Outcome::Waits(_)) {
        held += 1;
        assert!(held < 1_000, "no bound");
    }
    assert!(matches!(
        insert(&mut group, &waits(X, held)),
        Outcome::Later
    ));
    // As many as their rows fill it; a row is some 64 bytes.
    let fill = usize::from(held) * limits::CUT_ROWS * 64;
    let bound = limits::WAITING_BYTES;
    assert!((bound / 10 * 9..=bound).contains(&fill), "{fill}");
    assert!(matches!(
        insert(&mut group, &waits(MEMBER, 0)),
        Outcome::Waits(_)
    ));
    assert_eq!(
        group.waiting(),
        usize::from(held),
        "one of the many gave way"
    );
}

/// M7: a cut that a node writes has so many rows, which fit a payload, however many homes somebody wrote from.
#[test]
fn a_cut_has_a_bound_of_rows() {
    let story = Story::new('m');
    let group = group(&story);
    let user = story.people.user(X);
    let head = |n: usize| {
        let mut home = [0; 16];
        home[..8].copy_from_slice(&(n as u64).to_be_bytes());
        HeadRow {
            author: user,
            home: HomeId(home),
            lane: 2,
            seq: u64::MAX,
            id: EventId([9; 32]),
        }
    };
    let own = group.cut(&user, &[]).len();
    for (homes, rows) in [
        (limits::CUT_ROWS - own, limits::CUT_ROWS),
        (limits::CUT_ROWS + 1, limits::CUT_ROWS),
    ] {
        let heads: Vec<HeadRow> = (0..homes).map(head).collect();
        let cut = group.cut(&user, &heads);
        assert_eq!(cut.len(), rows, "{homes} homes");
        let remove = Remove { user, cut };
        assert!(remove.encode().len() <= limits::PAYLOAD);
    }
}

fn message(
    story: &Story,
    by: At,
    seq: u64,
    ctl: &[EventId],
) -> (EventId, chater_protocol::event::Header) {
    let prev = EventId([u8::from(seq > 0); 32]);
    story.people.message(
        story.group,
        by,
        (2, Kind::MSG),
        (seq, prev),
        ctl.to_vec(),
        NOW,
    )
}

/// M6: live up to the cut, dead beyond it and from a fresh home; live again after another add.
#[test]
fn messages_live_up_to_the_cut() {
    let mut story = Story::new('m');
    let before = story.heads();
    let (last, header) = message(&story, At(X, 0), 5, &before);
    let cut = vec![CutRow {
        home: header.home,
        lane: 2,
        seq: 5,
        id: last,
    }];
    story.then(At(ADMIN, 0), Say::Remove(X, cut));
    let judge = |story: &Story, by, seq, ctl: &[EventId]| {
        let (id, header) = message(story, by, seq, ctl);
        group(story).judge(id, &header)
    };
    assert_eq!(judge(&story, At(X, 0), 4, &before), Judgement::Live);
    assert_eq!(group(&story).judge(last, &header), Judgement::Live);
    assert_eq!(judge(&story, At(X, 0), 6, &before), Judgement::Dead);
    assert_eq!(judge(&story, At(X, 1), 0, &before), Judgement::Dead);
    // Another event at the last seq is not the one that the cut names.
    let mut other = header.clone();
    other.ts = other.ts.next();
    assert_eq!(
        group(&story).judge(groups::id_of(&other), &other),
        Judgement::Dead
    );
    story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let heads = story.heads();
    assert_eq!(judge(&story, At(X, 0), 7, &heads), Judgement::Live);
    assert_eq!(
        judge(&story, At(X, 0), 7, &before),
        Judgement::Dead,
        "still back-dated"
    );
    assert_eq!(judge(&story, At(X, 0), 7, &[]), Judgement::Refused);
    assert!(matches!(
        judge(&story, At(X, 0), 7, &[EventId([1; 32])]),
        Judgement::Waits(_)
    ));
}

/// M4, L8: whose messages an admin may delete, and who sets the title.
#[test]
fn admins_delete_what_members_wrote() {
    let story = Story::new('m');
    let group = group(&story);
    let may = |by: u8, author: u8| {
        let (id, header) = message(&story, At(by, 0), 0, &story.heads());
        let seat = group.seat(&story.people.user(by), story.people.home(At(by, 0)));
        let author = story.people.user(author);
        let may = group.may_delete(id, &header, &author);
        assert_eq!(seat.may_delete_of(&author), may);
        assert_eq!(seat.may_profile(), group.acts_as_admin(id, &header));
        may
    };
    for author in [OWNER, ADMIN, ADMIN_2, MEMBER, REMOVED, X] {
        assert!(may(OWNER, author));
        let of_admin = [ADMIN, MEMBER, REMOVED, X].contains(&author);
        assert_eq!(may(ADMIN, author), of_admin, "admin, of {author}");
        assert_eq!(may(MEMBER, author), author == MEMBER);
        assert!(!may(REMOVED, author));
    }
}

/// K6: a key from before the add goes to the newcomer only as the policy says.
#[test]
fn older_keys_are_shared_as_the_policy_says() {
    const DAY: u64 = 86_400_000;
    let mut story = Story::new('-');
    let mut key = message(&story, At(OWNER, 0), 0, &story.heads()).1;
    (key.lane, key.kind) = (1, Kind::KEY);
    story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    let x = story.people.user(X);
    let may = |story: &Story, days_ago: u64| {
        let joined = NOW + 60_000;
        group(story).may_share(&key, joined - days_ago * DAY, &x)
    };
    assert!(!may(&story, 0), "since_join");
    for (history, days, expected) in [
        (0, 0, [true, true]),
        (1, 7, [true, false]),
        (2, 0, [false; 2]),
    ] {
        let mut policy = policy(0);
        (policy.history, policy.days) = (history, days);
        story.then(At(OWNER, 0), Say::Policy(policy));
        assert_eq!(
            [may(&story, 6), may(&story, 9)],
            expected,
            "history {history}"
        );
    }
    // A key that had seen the add, and one for who is no member.
    let mut newer = key.clone();
    newer.ctl = story.heads();
    assert!(group(&story).may_share(&newer, NOW, &x));
    assert!(!group(&story).may_share(&newer, NOW, &story.people.user(REMOVED)));
}

/// L2: heads above the own add first, eight at most; dead events are no heads.
#[test]
fn links_name_live_heads() {
    let mut story = Story::new('m');
    let heads = story.heads();
    for n in 0..12 {
        let by = At([OWNER, ADMIN, ADMIN_2, MEMBER][n % 4], (n / 4) as u8);
        story.write(by, heads.clone(), Say::Policy(policy(0)));
    }
    for home in 0..3 {
        story.write(At(REMOVED, home), heads.clone(), Say::Leave(vec![]));
    }
    let group = group(&story);
    let seat = group.seat(&story.people.user(X), story.people.home(At(X, 0)));
    assert_eq!(seat.ctl().len(), 8);
    assert!(seat.ctl().iter().all(|id| group.is_live(id) == Some(true)));
    assert!(seat.may_write());
}

/// L2: leaves count however many there are, from every home and every branch of a fork; who left pushes no
/// head out with them, or what others had seen could not be told any more.
#[test]
fn who_left_pushes_no_head_out() {
    let mut story = Story::new('m');
    let heads = story.heads();
    let remove = story.write(At(OWNER, 1), heads.clone(), Say::Remove(MEMBER, vec![]));
    for (home, n) in (0..3).flat_map(|home| (0..4).map(move |n| (home, n))) {
        let ts = NOW + 1_000_000 + n;
        let say = Say::Leave(vec![]);
        let (people, ctl) = (story.people, heads.clone());
        let leave = people.event(story.group, At(X, home), None, ctl, ts, say);
        story.events.push(leave);
    }
    let now = group(&story);
    let leaves = story.events.iter().filter(|e| e.by.0 == X);
    assert!(
        leaves.clone().count() == 12 && leaves.clone().all(|e| now.is_live(&e.id) == Some(true))
    );
    let admin = story.people.user(ADMIN);
    let ctl = now.seat(&admin, story.people.home(At(ADMIN, 0))).ctl();
    assert_eq!(ctl.len(), limits::LINKS);
    assert!(ctl.contains(&remove.id));
    story.write(At(ADMIN, 0), ctl, Say::Add(MEMBER, Role::Member));
    assert_eq!(
        rank(&story, MEMBER),
        MEMBER_RANK,
        "the add had seen the remove"
    );
}

/// M7: of a forked control feed the cut names the branch that others have seen.
#[test]
fn a_cut_names_the_branch_that_others_saw() {
    let mut story = Story::new('-');
    let heads = story.heads();
    let add = story.then(At(ADMIN, 0), Say::Add(X, Role::Member));
    story.then(At(MEMBER, 0), Say::Leave(vec![]));
    for n in 0..4 {
        let fork = Say::Remove(n, vec![]);
        let fork = story
            .people
            .event(story.group, At(ADMIN, 0), None, heads.clone(), NOW, fork);
        story.events.push(fork);
    }
    let user = story.people.user(ADMIN);
    let head = HeadRow {
        author: user,
        home: story.people.home(At(ADMIN, 0)),
        lane: 2,
        seq: 3,
        id: EventId([3; 32]),
    };
    let cut = group(&story).cut(&user, std::slice::from_ref(&head));
    let rows: Vec<_> = cut.iter().map(|row| (row.lane, row.seq, row.id)).collect();
    assert_eq!(rows, [(0, 0, add.id), (2, 3, head.id)]);
    story.then(At(OWNER, 0), Say::Remove(ADMIN, cut));
    assert_eq!(rank(&story, X), MEMBER_RANK);
}

/// L7, S5: how far a feed counts.
#[test]
fn rows_end_below_holes_and_unsettled_forks() {
    let feed = chater_protocol::event::Feed {
        group: Default::default(),
        author: Default::default(),
        home: Default::default(),
        lane: 2,
    };
    let id = |seq: u64, branch: u8| EventId([16 * branch + seq as u8 + 1; 32]);
    let event = |seq: u64, branch: u8, from: u8| FeedEvent {
        seq,
        id: id(seq, branch),
        prev: if seq == 0 {
            EventId::default()
        } else {
            id(seq - 1, from)
        },
        live: true,
    };
    let mut events: Vec<FeedEvent> = (0..4).map(|seq| event(seq, 0, 0)).collect();
    let row = |events: &[FeedEvent], picks: &[(u64, EventId)]| {
        let branches = Branches::of(events.iter().copied(), picks);
        branches.row(&feed).map(|row| (row.seq, row.id))
    };
    assert_eq!(row(&events, &[]), Some((3, id(3, 0))));
    events[3].live = false;
    assert_eq!(row(&events, &[]), Some((2, id(2, 0))), "the last live one");
    events[3].live = true;
    // Two more branches from seq 2 on.
    events.extend([event(2, 1, 0), event(3, 1, 1), event(2, 2, 0)]);
    assert_eq!(row(&events, &[]), Some((1, id(1, 0))));
    let part = |picks: &[(u64, EventId)], id| Branches::of(events.clone(), picks).part(&id);
    assert_eq!(part(&[], id(1, 0)), Part::Whole);
    assert_eq!(part(&[], id(3, 0)), Part::Doubtful);
    assert_eq!(part(&[], id(3, 1)), Part::Doubtful);
    assert_eq!(part(&[], id(2, 2)), Part::Hidden);
    let picks = [(2, id(2, 1))];
    assert_eq!(row(&events, &picks), Some((2, id(2, 1))));
    assert_eq!(part(&picks, id(2, 1)), Part::Whole);
    assert_eq!(part(&picks, id(3, 1)), Part::Doubtful, "above the cut");
    assert_eq!(part(&picks, id(3, 0)), Part::Lost);
    // Cuts that agree reach further; of those that do not the lower id picks.
    assert_eq!(
        row(&events, &[(2, id(2, 1)), (3, id(3, 1))]),
        Some((3, id(3, 1)))
    );
    assert_eq!(
        row(&events, &[(2, id(2, 1)), (3, id(3, 0))]),
        Some((3, id(3, 0)))
    );
    events.remove(0);
    assert_eq!(row(&events, &[]), None, "a hole");
}

/// M1: whoever floods, a group holds so many events that wait, and somebody with few has room for one more.
#[test]
fn waiting_of_a_group_is_bounded() {
    let story = Story::new('m');
    let mut group = Group::new(story.group);
    insert(&mut group, &story.events[0]);
    let waits = |by: At, n: u16| {
        let mut id = [8; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        id[2] = by.0 * 16 + by.1;
        let ctl = vec![EventId(id)];
        story
            .people
            .event(story.group, by, None, ctl, NOW, Say::Leave(vec![]))
    };
    for by in [ADMIN, ADMIN_2, REMOVED, X]
        .into_iter()
        .flat_map(|u| (0..3).map(move |h| At(u, h)))
    {
        for n in 0..1_000 {
            insert(&mut group, &waits(by, n));
            assert!(group.waiting() <= limits::WAITING_GROUP);
        }
    }
    assert_eq!(group.waiting(), limits::WAITING_GROUP);
    let few = insert(&mut group, &waits(At(MEMBER, 0), 1));
    assert!(matches!(few, Outcome::Waits(_)));
    assert_eq!(group.waiting(), limits::WAITING_GROUP);
}
