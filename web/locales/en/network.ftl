# Network: picture, nodes, communities, blocks.
map-title = Links
map-own = Picture of the network: your node { $a } is in the middle.
map-direct = Directly: { $a }.
map-relayed = Through a relay: { $a }.
map-away = Away: { $a }.
map-more = { $a } more
map-table = The table below holds the same.
map-you = this is you
map-number = number: people of the node
col-way = Way
way-direct = directly
way-relayed = through a relay
way-through = through { $a }
link-waiting = waits for its owner
link-off = cut off by you
found-search = by a search
waiting-title = Ask to be linked
waiting-hint = Compare the fingerprint with the owner of the node before you link it.
nearby-title = Nearby, on the local network
link-named = Link node { $a }
dismiss = Hide
dismiss-named = Hide the wish of node { $a }
node-agent = Program
node-queue = Waiting to be sent
node-since = Connected since
node-seen = Last seen
node-common = Communities in common
node-common-none = None
node-held = To be decided
node-held-hint = The owner of that node has not agreed to link yet. Tell them your fingerprint.
node-off = Disconnect
node-off-hint = A disconnected node is not dialled, and if it calls it waits for your “Link”. Messages wait.
node-is-off = The node is disconnected: it waits for your “Link”.
node-block = Block
block-named = Block node { $a }
node-block-ask = Block node { $a }?
node-block-hint = The connection is closed. Its people and yours cannot write to each other directly, and your node does not answer its searches. In groups you share, messages still come through other nodes. This can be undone.
blocked-nodes = Blocked nodes
blocked-nodes-hint = To them your node is silent. What waits is sent when you unblock them.
blocked-by-list = by the list of the community “{ $a }”
allow-title = List of allowed nodes
allow-only = Only listed nodes
allow-on = On: only nodes of the list are linked.
allow-off = Off: the list changes nothing.
allow-begin = Switch on
allow-end = Switch off
allow-only-ask = { $n ->
    [0] The list is empty. Close the links to all nodes?
    [one] Keep links to the { $n } listed node only?
   *[other] Keep links to the { $n } listed nodes only?
}
allow-hint = While it is on, nodes that are not listed are to yours like blocked ones: connections to them are closed, they are not dialled, search does not find their people, what is for them waits. In groups you share, messages still come through listed nodes. Mailboxes, relays and nodes of communities must be listed, too. A node that you link yourself, and the one whose link brings you into a community, go onto the list. When you switch it off, all is as before.
allow-mailbox = Your mailbox { $a } is not listed: no mail comes from there.
allow-none = Nobody is listed yet.
allow-add = Allow a node
allow-node = Node
allow-node-hint = The id of the node (12D3KooW…), its address with /p2p/…, or a link chater:…
allow = Allow
disallow = Take off the list
disallow-named = Take node { $a } off the list
link-left-out = not listed
node-left-out = The node is not listed, and only listed nodes are linked.
circles = Communities
circle-open = Open
circle-open-hint = Every linked node is in it: people are searched for from neighbour to neighbour.
circle-open-on = Switch on
circle-open-off = Switch off
circle-founder = Founded here.
circle-linked = Nodes connected: { $a }
circle-leave = Leave
leave-named = Leave the community { $a }
circle-leave-ask = Leave the community “{ $a }”?
circle-leave-hint = The node forgets its secret and its links. Only a new link brings it back. Nodes stay linked, chats stay.
circle-enter = Join a community
circle-link = Link
circle-link-hint = It begins with chater:community/
circle-new = Found a community
circle-name = Name
circle-name-hint = Nodes of a community find each other’s people. Only those invited see it.
circle-found = Found
circle-ask = Join the community “{ $a }”?
circle-tells = Your node links with the node that gave the link and with others of the community: they learn its name and addresses, and people can find each other.
circle-link-for = A link into the community “{ $a }” for another node. Its owner pastes it on the page “Network”, or after chater join.
circle-link-uses = { $n ->
    [one] For { $n } node
   *[other] For { $n } nodes
}
circle-link-days = { $n ->
    [one] valid for { $n } day
   *[other] valid for { $n } days
}
circle-link-page = If Chater runs on that computer, this link opens the page:
circle-link-once = Keep it now: it is not shown again. Whoever gets it can come in.
copy-page = Copy the link to the page
only-near = Works in your network only
invite-left = { $n ->
    [one] { $n } more node
   *[other] { $n } more nodes
}
invite-came = nodes that came: { $a }
invite-uses = Nodes
invite-days = Days
invite-make = Invite
invite-named = Invite into the community { $a }
list-own = Block list
list-own-hint = The nodes you have blocked become advice for the community. Nobody has to follow it.
list-count = Nodes published: { $a }.
list-publish = Publish
list-founder = Block list of the founder
list-empty = Empty so far
list-follow = Follow
list-unfollow = Do not follow
privacy-found = Who finds you by search
privacy-found-hint = Whoever knows your whole address finds you in any case
privacy-found-all = Communities
privacy-found-contacts = People I chat with
privacy-found-none = Nobody
error-community-empty = Enter a name
error-community-many = Too many: a node has up to 15 communities, a list up to 100 nodes
error-link-malformed = This is no link into a community
error-link-wrong = The node has made no such link
error-link-unreachable = The node that gave the link does not answer now. Try later.
error-link-expired = The link has expired. Ask for a new one.
error-link-used = The link has been used up. Ask for a new one.
error-link-revoked = The link was taken back. Ask for a new one.
error-link-other = Another node answers at the address of the link
error-link-own = Your own node has made this link, and has left the community
error-link-blocked = The node that gave the link is blocked here
error-node-own = This is your node
error-node-malformed = This is no id of a node, no address of one, and no link
error-address-unlisted = Only listed nodes are linked: type the address with the id of the node (/p2p/…)
