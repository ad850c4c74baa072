//! The rules by name, so that a simulation can switch each one off and see what it is good for.

/// Which rules hold: all of them, except in simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one switch per rule is what it is for"
)]
pub struct Rules {
    /// M1: an event waits until its past is whole.
    pub past_is_whole: bool,
    /// M1: whoever was never brought in is refused.
    pub strangers_are_refused: bool,
    /// M2: only the owner grants admin.
    pub owner_grants: bool,
    /// M2: the owner cannot leave or be removed.
    pub owner_stays: bool,
    /// M2: one acts on others only.
    pub on_others: bool,
    /// M3, M7: a revocation the grant had not seen ends a feed at its cut.
    pub cuts_end_feeds: bool,
    /// M3: at the last seq of a cut the id must be the one named.
    pub cuts_name_ids: bool,
    /// M3: a leave or retire joins only if it itself stands.
    pub joins_if_it_stands: bool,
    /// M4: acts on others need the owner's grant.
    pub acts_need_a_grant: bool,
    /// M4: admins do not remove admins.
    pub admins_keep_admins: bool,
    /// M4: a revocation or leave opens the way for an admin's remove.
    pub revocation_opens: bool,
    /// M5: an add must have every remove in its past.
    pub remove_wins: bool,
    /// M5: an owner's `role` counts as an add.
    pub role_adds: bool,
    /// M5: of concurrent policies the lowest id.
    pub lowest_policy: bool,
    /// M4: a policy that closes the group undoes the adds of members it had not seen.
    pub closing_closes: bool,
    /// M4: an ordinary member does not bring back whom an admin removed.
    pub removed_stay_out: bool,
    /// M6: what is valid counts as live.
    pub valid_is_live: bool,
    /// M7: a leave's own feed ends with it.
    pub leave_ends_its_feed: bool,
    /// I8: a retire ends the feeds of its home.
    pub retires_end_homes: bool,
    /// I8: a retire needs the root's signature.
    pub root_signs_retires: bool,
    /// L7: control events from a fork on are void.
    pub forks_are_void: bool,
    /// L7: a fork that no cut has settled does not undo a leave.
    pub leaves_outlast_forks: bool,
    /// L7: a cut picks the branch.
    pub cuts_pick: bool,
    /// L7: of cuts that name different branches the lower id picks.
    pub lowest_cut_picks: bool,
}

impl Rules {
    /// All rules hold.
    pub const ALL: Self = Self {
        past_is_whole: true,
        strangers_are_refused: true,
        owner_grants: true,
        owner_stays: true,
        on_others: true,
        cuts_end_feeds: true,
        cuts_name_ids: true,
        joins_if_it_stands: true,
        acts_need_a_grant: true,
        admins_keep_admins: true,
        revocation_opens: true,
        remove_wins: true,
        role_adds: true,
        lowest_policy: true,
        closing_closes: true,
        removed_stay_out: true,
        valid_is_live: true,
        leave_ends_its_feed: true,
        retires_end_homes: true,
        root_signs_retires: true,
        forks_are_void: true,
        leaves_outlast_forks: true,
        cuts_pick: true,
        lowest_cut_picks: true,
    };

    /// The name of each rule, and all rules but that one.
    #[must_use]
    pub fn each_without() -> Vec<(&'static str, Self)> {
        let all = Self::ALL;
        vec![
            (
                "M1 past is whole",
                Self {
                    past_is_whole: false,
                    ..all
                },
            ),
            (
                "M1 strangers are refused",
                Self {
                    strangers_are_refused: false,
                    ..all
                },
            ),
            (
                "M2 only the owner grants",
                Self {
                    owner_grants: false,
                    ..all
                },
            ),
            (
                "M2 the owner stays",
                Self {
                    owner_stays: false,
                    ..all
                },
            ),
            (
                "M2 one acts on others",
                Self {
                    on_others: false,
                    ..all
                },
            ),
            (
                "M3 cuts end feeds",
                Self {
                    cuts_end_feeds: false,
                    ..all
                },
            ),
            (
                "M3 cuts name ids",
                Self {
                    cuts_name_ids: false,
                    ..all
                },
            ),
            (
                "M3 joins if it stands",
                Self {
                    joins_if_it_stands: false,
                    ..all
                },
            ),
            (
                "M4 acts need a grant",
                Self {
                    acts_need_a_grant: false,
                    ..all
                },
            ),
            (
                "M4 admins keep admins",
                Self {
                    admins_keep_admins: false,
                    ..all
                },
            ),
            (
                "M4 a revocation opens",
                Self {
                    revocation_opens: false,
                    ..all
                },
            ),
            (
                "M5 remove wins",
                Self {
                    remove_wins: false,
                    ..all
                },
            ),
            (
                "M5 role adds",
                Self {
                    role_adds: false,
                    ..all
                },
            ),
            (
                "M5 lowest policy",
                Self {
                    lowest_policy: false,
                    ..all
                },
            ),
            (
                "M4 closing closes",
                Self {
                    closing_closes: false,
                    ..all
                },
            ),
            (
                "M4 removed stay out",
                Self {
                    removed_stay_out: false,
                    ..all
                },
            ),
            (
                "M6 valid is live",
                Self {
                    valid_is_live: false,
                    ..all
                },
            ),
            (
                "M7 a leave ends its feed",
                Self {
                    leave_ends_its_feed: false,
                    ..all
                },
            ),
            (
                "I8 retires end homes",
                Self {
                    retires_end_homes: false,
                    ..all
                },
            ),
            (
                "I8 the root signs",
                Self {
                    root_signs_retires: false,
                    ..all
                },
            ),
            (
                "L7 forks are void",
                Self {
                    forks_are_void: false,
                    ..all
                },
            ),
            (
                "L7 leaves outlast forks",
                Self {
                    leaves_outlast_forks: false,
                    ..all
                },
            ),
            (
                "L7 cuts pick",
                Self {
                    cuts_pick: false,
                    ..all
                },
            ),
            (
                "L7 the lowest cut picks",
                Self {
                    lowest_cut_picks: false,
                    ..all
                },
            ),
        ]
    }
}
