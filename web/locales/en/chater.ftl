# Everything a person reads on the pages.

# Frame
skip = To the content
logo = chater, to the list of chats
menu = Menu
menu-group = Create group
menu-out = Log out
node = Node
links = { $n ->
    [one] { $n } link
   *[other] { $n } links
}
connecting = connecting…
alone = alone
close = Close
cancel = Cancel
save = Save
to-chats = To the chats
language-other = Русский

# Login and registration
login = Log in
login-do = Log in
login-alt = No account yet?
login-alt-do = Sign up
login-bad = Nick or password is wrong. Check your keyboard layout.
login-slow = Too many attempts. Wait { $n }{"\u00A0"}s.
nick = Nick
password = Password
register = Sign up
register-do = Create account
register-alt = Already have an account?
register-invited = { $name } invites you to the node { $node }
register-owner = You are first on this node and will own it: you can invite people and manage links.
register-nick = 2 to 32 characters: letters of one alphabet, digits, dot, hyphen, underscore. It cannot be changed.
register-taken = This nick is taken on { $a }
register-pw = At least 10 characters. A phrase with spaces is fine.
register-closed = Registration on this node is closed. Ask its owner.
register-code-needed = A code is needed
register-code-bad = The code is wrong or was used already
setup-words = I have an account whose node is gone, and its 24 words
setup-code = Set-up code
setup-code-hint = The node printed it when it started
invite-code = Invite code
invite-code-hint = The owner of the node gives it

# List
chats = Chats
list-search = Find a person or chat
list-filters = Which chats to show
list-none = No chats yet
filter-all = All
filter-unread = New
filter-groups = Groups
filter-archive = Archive
filter-none = Nothing here
more = Show more
empty-title = Nothing here yet
empty-text = Find someone or invite them by link.
pick-title = Choose a chat
pick-text = Or find a person on this node and its neighbours. Messages are kept with you, not in somebody's cloud.
find = Find a person
invite = Invite
key-quick = quick switch
key-help = keys
card-new = No messages yet
draft = Draft:
deleted = Message deleted
pinned = pinned
muted = muted
unread = { $n ->
    [one] { $n } unread
   *[other] { $n } unread
}
members = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
mentioned = you are mentioned
card-menu = Chat actions: { $a }
menu-read = Mark read
menu-unread = Mark unread
menu-pin = Pin
menu-unpin = Unpin
menu-mute-1h = Mute for 1 hour
menu-mute-8h = Mute for 8 hours
menu-mute-ever = Mute for good
menu-unmute = Unmute
menu-archive = Archive
menu-unarchive = Back from the archive
requests-done = All answered
requests-wait = Waiting for your answer
requests = Requests
request = Message request
request-accept = Accept
request-decline = Decline
request-block = Block

# Conversation
back = To the chats
log-label = Messages: { $a }
earlier = Earlier
later = Later
chat-new = New messages
chat-bottom = To the latest messages
chat-blank = No messages here yet. Write the first one.
chat-input = Message
chat-send = Send
mark-read = Mark as read
edited = edited
late = received late
message-locked = This message cannot be opened yet: waiting for a key
reply = Reply
reply-cancel = Do not reply
present = { $n } online
presence-here = online
presence-gone = offline
presence-linked = node online
presence-away = node offline
presence-seen = seen
nodes-away = { $n ->
    [one] Node { $a } is offline. We will deliver when it is back.
   *[other] Nodes { $a } are offline. We will deliver when they are back.
}
node-away = Node { $a } is offline. We will deliver when it is back.
waits-since = Waiting since
missing = { $n ->
    [one] { $n } message is missing
   *[other] { $n } messages are missing
}
asking = { $n ->
    [one] asking { $n } node
   *[other] asking { $n } nodes
}
closed-declined = The message request was declined
closed-blocked = This person is blocked
closed-left = You are not in this group
path = The way of the message
path-sent = Sent
path-here = Your node { $a } has stored it
path-there = Node { $a } has received it
path-read = Read by { $a }
path-read-wait = Not read yet by { $a }
path-read-lacks = { $n ->
    [one] { $n } person has not read it yet
   *[other] { $n } people have not read it yet
}
state-read-some = Read by { $a } of { $n }
state-reached = Delivered to { $a } of { $n ->
    [one] { $n } node
   *[other] { $n } nodes
}
path-next = next try:
path-waits = waiting
path-back = To the message
you = you
you-name = You
message-actions = Message actions
more-actions = More actions
react = Reaction
react-other = Another emoji
react-do = React
copy = Copy
edit = Edit
edit-text = Message text
editing = Editing
forward = Forward
forward-to = Forward to
delete = Delete
delete-ask = Delete this message?
delete-me = Delete for me
delete-all = Delete for everyone
delete-all-hint = Other nodes are asked to delete. This cannot be verified.
emoji = Emoji
to-chat = To the chat
chat-menu = Chat actions
chat-search = Search in chat
chat-search-in = Search in chat: { $a }
chat-search-more = Search further
find-older = Older match
find-newer = Newer match
chat-delete = Delete chat for me
chat-delete-ask = Delete the chat “{ $a }” for yourself?
chat-delete-hint = The messages disappear for you only. A new message brings the chat back to the list, without the old ones.

# Details of a chat
info = Details
safety = Safety number
safety-hint = Compare these digits with what the other person sees: face to face or by phone. If they are equal, you write to each other and nobody else. The nodes your accounts live on are not proven by this.
safety-node = Fingerprint of node { $a }
unblock = Unblock
forward-filter = Name or address

# Search and start
search = Search
search-title = Search: { $a }
search-label = Nick, name or address
search-recent = Recent chats
search-has-chat = you have a chat
search-has-group = a group in common
search-nodes = Progress of the search by nodes
search-ms = { $a } ms
search-waits = waiting…
search-away = offline
search-here = On this node
search-there = On other nodes
search-none = No one found. Check the address or invite by link.
search-hint = Type at least two letters of a name, or the whole address: nick@node
search-again = Ask again
search-in = Where to search
search-in-people = People
search-in-chats = Chats
search-in-messages = Messages
search-words = Words of a message
search-everywhere = Search in all chats
search-hit-in = in “{ $a }”
search-back = Back to search
search-ambiguous = Several nodes have that name. Whom did you mean?
search-unknown-node = Node { $a } is not known here.
search-silent-node = Node { $a } does not answer now: people on it can be found when it is back.
search-link-node = Link a node
start-title = New chat
start-ask = Start a chat with { $a }?
start-request = The first message may arrive as a request.
start-here = This person is on your node.
start-remote = This person is on another node. Node { $a } will see your address and this chat's messages.
start-do = Start chat
start-self = A chat with oneself cannot be started

# Other pages
group-title = Name of the group
group-where = A group lives on the nodes of its members: there is no server in the middle. Whoever comes later reads earlier messages, too.
group-who = Whom to invite: a nick or an address
group-members = Members
group-create-pictured = Create and choose a picture
group-create = Create the group
group-add = Add members
group-add-do = Add
group-owner = owner
group-admin = admin
group-lead = Make an admin
group-unlead = Take admin away
group-remove = Remove from the group
group-leave = Leave the group
group-remove-ask = Remove { $a } from the group?
group-remove-hint = This person reads nothing that follows. What has come already stays with them.
group-leave-ask = Leave the group “{ $a }”?
group-leave-hint = No new messages will come. Only an invitation brings you back.
keys = Keys
keys-press = Keys
keys-does = What they do
keys-search = quick switch and search
keys-list = this list
keys-send = send the message
keys-line = new line
keys-edit = edit your last message when the field is empty
keys-find = search in the chat
keys-message = on a message chosen with arrows: reply, edit, delete, react, all actions
keys-chats = previous and next chat
keys-unread = next chat with new messages
keys-reply = choose the message to reply to
keys-esc = close a window or cancel the reply
keys-home = in the log: to the first messages
keys-end = in the log: to the latest messages

# Errors
offline-title = The node does not answer
offline-text = Messages that are not sent yet are kept in this browser. The page opens by itself when the node answers.
manifest-about = Conversations on your own node
full = The node has no room left. You can read; new messages are not taken for now.
full-owner = See what takes the room
error-status = Error { $a }
error-403 = You may not go here
error-404 = No such chat, or no access
error-404-page = No such page
error-413 = This is too much at once
error-429 = Too often. Wait a little.
error-429-wait = Too often. Wait { $n }{"\u00A0"}s.
error-500 = Something broke on the node. Code { $a }
error-busy = The node is busy. Try again.
error-storage = The disk of the node is full
error-storage-failed = The disk of the node does not work right now
error-form = The page is out of date. Go back, reload it and try again.
error-host = The node does not answer to this name
error-empty = Something has to be written here
error-short = Too short
error-long = Too long
error-control = There are invisible characters here
error-characters = There are characters here that cannot be used
error-mixed = The letters must be of one alphabet
error-reserved = This name is kept for the program
error-malformed = This does not work. Check how it is written.
error-nick-short = Nick: 2 to 32 characters
error-nick-long = Nick: 2 to 32 characters
error-password-short = Password: at least 10 characters
error-password-long = The password is too long
error-text-long = Message: at most 8000 characters
error-address-malformed = This does not look like the address of a node. Example: /ip4/192.168.1.24/tcp/5001

# Dates
months = January February March April May June July August September October November December
months-short = Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
week-days = Mon Tue Wed Thu Fri Sat Sun
date-day-month = { $month } { $day }
date-with-year = { $day }, { $year }

# Scripts
js-yesterday = yesterday
js-day-today = Today
js-day-yesterday = Yesterday
js-again = Retry
js-remove = Delete
js-back-online = Connection restored
js-offline = No connection to the node. Messages are kept here and will be sent.
js-try-in = Next try in { $s }{"\u00A0"}s.
js-now = Now
js-copied = Copied
js-ended = Your session on this node is over. What you typed is kept and will be sent after you log in.
js-log-in = Log in
js-updated = Chater was updated.
js-reload = Reload
js-left-count = { $n ->
    [one] { $n } character left
   *[other] { $n } characters left
}
js-new-count = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}
js-not-sent = Not sent
js-search-found-count = { $n ->
    [one] { $n } person found
   *[other] { $n } people found
}
js-search-answered-count = { $n ->
    [one] { $n } of { $m } nodes answered
   *[other] { $n } of { $m } nodes answered
}
js-search-waiting = waiting for answers
js-state-sending = Sending
js-state-stored = On your node
js-state-stored-for = On your node, waiting for node { $a }
js-state-delivered = Delivered
js-state-delivered-to = Delivered to { $a }
js-state-read = Read
js-state-failed = Not sent
js-typing-one = { $a } is typing…
js-typing-two = { $a } and { $b } are typing…
js-typing-many = Several people are typing…
js-found-of = { $a } of { $b }
js-found-none = Nothing found
js-too-large = Too much for one message
js-failed = That did not work. Try again.
js-silent = The node does not answer. Try again.
js-ended-title = Log in again
js-close = Close
js-search-ms = { $a } ms
js-search-silent = no answer
js-search-chats = Existing chats
js-undo = Undo
js-deleted = Message deleted for you
js-archived = The chat is in the archive
js-names = Members of the chat
note-founded-by = { $a } created the group
note-founded-own = You created the group
note-added-by = { $a } added { $b }
note-added-own = You added { $b }
note-removed-by = { $a } removed { $b }
note-removed-own = You removed { $b }
note-left-by = { $a } left the group
note-left-own = You left the group
note-admin-by = { $a } made { $b } an admin
note-admin-own = You made { $b } an admin
note-member-by = { $a }: { $b } is no admin any more
note-member-own = You: { $b } is no admin any more
note-rules-by = { $a } changed the rules of the group
note-rules-own = You changed the rules of the group
note-renamed-by = { $a } named the group “{ $b }”
note-renamed-own = You named the group “{ $b }”
note-pictured-by = { $a } changed the picture of the group
note-pictured-own = You changed the picture of the group
note-home = { $a } has new keys on node { $b }
note-home-ended = The former keys of { $a } on node { $b } count no more
note-home-check = Compare the safety number
note-more = { $n ->
    [one] and { $n } more
   *[other] and { $n } more
}
sync-with = { $n ->
    [one] All is here: { $n } node has the same
   *[other] All is here: { $n } nodes have the same
}
sync-some = { $a } of { $b } nodes have the same; the others did not answer or still compare
group-rules = Rules of the group
rules-adds = Every member may add people
rules-read = Members see what others have read
rules-history = What new members read
rules-history-hint = For those who are added later
rules-all = All
rules-some = Days
rules-none = Since joining
rules-days = How many days before they joined
group-undo = When you remove an admin or take the rank, people they added that your node did not know of yet are out again.
group-links = Invitation links
links-hint = By a link people come in by themselves, from any node. It is shown once.
link-uses = How many people
link-days = How many days
link-make = Make a link
link-made = The link is ready
link-for = A link into the group “{ $a }”. Send it to those you invite: they paste it on the page “Join by a link” of their node.
link-once = Keep it now: it will not be shown again. Whoever gets it can come in.
link-left = { $n ->
    [one] { $n } more person
   *[other] { $n } more people
}
link-came = came in: { $a }
link-until = until
link-end = Take back
join = Join by a link
join-have = Join by an invitation link
join-link = Link
join-hint = It begins with chater:join/
join-look = Next
join-ask = Join the group “{ $a }”?
join-tells = The node that gave the link learns your name and address. Members see that you came in.
join-node = Fingerprint of that node:
join-do = Join
