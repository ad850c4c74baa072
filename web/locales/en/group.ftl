group-picture = Picture of the group
group-picture-hint = Only members see it, and only their nodes get it.
group-back = To the details of the group
note-joined-by = { $a } joined by an invitation link
note-joined-own = You joined the group by an invitation link
waits-answer = the invitation waits for an answer
waits-node = the invitation waits for the node
picker-chosen = Who is to come
js-picker-drop = Take { $a } off the chosen
js-above-count = { $n ->
    [one] A message received late stands above
   *[other] { $n } messages received late stand above
}
forked = other nodes were sent something else
