//! What a control event says, decoded once.

use crate::event::{Header, Kind};
use crate::id::{ChatId, EventId, HomeId, UserId};
use crate::payload::{
    Add, Create, Cut, CutRow, Leave, Payload, Policy, Remove, Retire, Role, RoleChange,
};

/// A decoded control event. What does not decode, and kinds of later versions, say nothing: the event
/// is void but keeps its place, so that all nodes agree and its feed goes on (E4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Create(Policy),
    Add(UserId, Role),
    Remove(UserId, Cut),
    Leave(Cut),
    Role(UserId, Role, Cut),
    Policy(Policy),
    Retire(HomeId, Cut),
    Void,
}

impl Act {
    /// Reads the payload of a control event. `root_signs` is off only in simulations.
    pub(crate) fn read(group: ChatId, header: &Header, payload: &[u8], root_signs: bool) -> Self {
        let act = match header.kind {
            Kind::CREATE => Create::decode(payload).map(|p| Self::Create(p.policy)),
            Kind::ADD => Add::decode(payload).map(|p| Self::Add(p.user, p.role)),
            Kind::REMOVE => Remove::decode(payload).map(|p| Self::Remove(p.user, p.cut)),
            Kind::LEAVE => Leave::decode(payload).map(|p| Self::Leave(p.cut)),
            Kind::ROLE => RoleChange::decode(payload).map(|p| Self::Role(p.user, p.role, p.cut)),
            Kind::POLICY => Policy::decode(payload).map(Self::Policy),
            Kind::RETIRE => Retire::decode(payload).map(|p| {
                // I8: the root signs it, or a stolen home could retire the honest one.
                let home = match p.check(group, header.author) {
                    Ok(record) => Some(record.id()),
                    Err(_) if !root_signs => p.cut.first().map(|row| row.home),
                    Err(_) => None,
                };
                home.map_or(Self::Void, |home| Self::Retire(home, p.cut))
            }),
            _ => Ok(Self::Void),
        };
        match act.unwrap_or(Self::Void) {
            Self::Create(policy) | Self::Policy(policy) if !is_known(&policy) => Self::Void,
            act => act,
        }
    }

    /// The user whose membership or role the event is about; the author of `create` is its member.
    pub(crate) fn target(&self, author: UserId) -> Option<UserId> {
        match self {
            Self::Create(_) => Some(author),
            Self::Add(user, _) | Self::Remove(user, _) | Self::Role(user, ..) => Some(*user),
            Self::Leave(_) | Self::Policy(_) | Self::Retire(..) | Self::Void => None,
        }
    }

    /// M1: whether the event brings its target in, as far as its own words go.
    pub(crate) fn brings_in(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Add(..) | Self::Role(..))
    }

    /// Whether it can take a user or a home out: also by undoing adds that it had not seen.
    pub(crate) fn takes_out(&self) -> bool {
        match self {
            Self::Remove(..) | Self::Leave(_) | Self::Retire(..) => true,
            Self::Role(_, role, _) => *role == Role::Member,
            Self::Policy(policy) => policy.who_adds == 0,
            Self::Create(_) | Self::Add(..) | Self::Void => false,
        }
    }

    fn cut(&self) -> &[CutRow] {
        match self {
            Self::Remove(_, cut)
            | Self::Leave(cut)
            | Self::Role(_, _, cut)
            | Self::Retire(_, cut) => cut,
            Self::Create(_) | Self::Add(..) | Self::Policy(_) | Self::Void => &[],
        }
    }

    /// M7: where that feed ends by this event; none = nothing of it counts. Of two rows for one feed
    /// the first counts.
    pub(crate) fn end_of(&self, home: HomeId, lane: u8) -> Option<(u64, EventId)> {
        self.cut()
            .iter()
            .find(|row| row.home == home && row.lane == lane)
            .map(|row| (row.seq, row.id))
    }

    /// The events that its cut names.
    pub(crate) fn named(&self) -> impl Iterator<Item = EventId> {
        self.cut().iter().map(|row| row.id)
    }

    /// Bytes it holds in memory, about.
    pub(crate) fn weight(&self) -> usize {
        128 + self.cut().len() * 64
    }
}

/// Unknown choices of a later version are void rather than read as something else.
fn is_known(policy: &Policy) -> bool {
    policy.who_adds <= 1 && policy.history <= 2
}
