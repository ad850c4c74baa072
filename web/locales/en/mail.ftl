# Mailboxes
mail = Who keeps the mail
mail-about = While your node is off, letters for it wait in mailboxes: on nodes that have agreed to keep them.
mail-link = Who keeps my mail, whose I keep
mail-saved = Saved
mail-mine = Who keeps my mail
mail-mine-none = Nobody. While your node is off, messages wait with their senders and come when both of you are on.
mail-no-offers = None of the known nodes offers to keep mail.
mail-offers = Could keep it
mail-choose = Choose
mail-choose-named = Keep my mail on node { $a }
mail-keeps = keeps it
mail-keeps-away = keeps it, away now
mail-asked = being asked
mail-refused = refuses
mail-collected = collected
mail-letters = { $n ->
    [one] { $n } letter in all
   *[other] { $n } letters in all
}
mail-leave = Give up
mail-leave-named = Give up the mailbox on node { $a }
mail-leave-ask = Give up the mailbox on node { $a }?
mail-leave-hint = What lies there is collected now if the node is connected. Nothing new will be left there.
mail-theirs = Keep mail of other nodes
mail-theirs-about = Letters are sealed: your node sees who left them, for which node, when and how large they are, but neither text nor people.
mail-offer = Keep mail for others
mail-offer-hint = Neighbours see it and may choose your node
mail-offered = The node keeps mail for others.
mail-not-offered = The node keeps no mail of others.
mail-quota = Room for all, MB
mail-days = Days to keep
mail-fixed = Set in chater.toml
mail-kept = Whose mail I keep
mail-kept-none = Nobody's.
mail-used = { $a } used
mail-of = of { $a }.
mail-col-letters = Letters
mail-col-size = Size
mail-col-oldest = Oldest
mail-col-collected = Collected
mail-col-do = Action
mail-evicted = not kept
mail-evict = Evict
mail-evict-named = Evict the mail of node { $a }
mail-evict-ask = Throw away the mail of node { $a } and keep none for it?
mail-evict-hint = { $n ->
    [one] { $n } letter lies here. It will be gone; its sender brings it when it meets the node directly.
   *[other] { $n } letters lie here. They will be gone; their senders bring them when they meet the node directly.
}
mail-readmit = Keep again
mail-readmit-named = Keep again: the mail of node { $a }
mail-secret = Nobody can read others' mail: only its recipient has the key.
mail-back = To the network
path-mailbox = lies in the mailbox of node { $a }
error-quota-malformed = Room: 10 MB at least
error-keep_days-malformed = Days: 1 to 90
error-mailbox-long = Four mailboxes are enough: give one up first
