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
login-slow = Too many attempts. Wait { $n } s.
nick = Nick
password = Password
register = Sign up
register-do = Create account
register-alt = Already have an account?
register-owner = You are first on this node and will own it: you can invite people and manage links.
register-nick = 2 to 32 characters: letters of one alphabet, digits, dot, hyphen, underscore. It cannot be changed.
register-taken = This nick is taken on { $a }
register-pw = At least 10 characters. A phrase with spaces is fine.
register-closed = Registration on this node is closed. Ask its owner.
register-code-needed = A code is needed
register-code-bad = The code is wrong or was used already
setup-code = Set-up code
setup-code-hint = The node printed it when it started
invite-code = Invite code
invite-code-hint = The owner of the node gives it

# List
chats = Chats
list-search = Find a person or chat
list-filters = Which chats to show
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
late = came late
message-locked = This message cannot be opened yet: waiting for a key
reply = Reply
reply-cancel = Do not reply
presence-here = online
presence-gone = offline
presence-linked = node online
presence-away = node offline
presence-seen = seen
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
path-read-any = Read
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
search-nodes = Progress of the search by nodes
search-ms = { $a } ms
search-waits = waiting…
search-away = offline
search-here = On this node
search-there = On other nodes
search-none = No one found. Check the address or invite by link.
search-hint = Type at least two letters of a name, or the whole address: nick@node
search-again = Ask again
search-back = Back to search
search-ambiguous = Several nodes have that name. Whom did you mean?
search-unknown-node = Node { $a } is not known here.
search-link-node = Link a node
start-title = New chat
start-ask = Start a chat with { $a }?
start-here = This person is on your node.
start-remote = This person is on another node. Node { $a } will see your address and this chat's messages.
start-do = Start chat
start-self = A chat with oneself cannot be started

# Settings
settings = Settings
settings-parts = Parts of the settings
settings-profile = Profile
settings-look = Look and language
settings-node = My node
profile-name = Name
profile-address = Address
profile-about = About
copy-address = Copy the address
copy-id = Copy the node's id
copy-command = Copy the command
theme = Theme
theme-hint = “As the system” follows the device
theme-system = As the system
theme-light = Light
theme-dark = Dark
language = Language
language-ru = Русский
language-en = English

# Settings: sections
settings-notify = Notifications
settings-privacy = Privacy
settings-sessions = Sessions
text-size = Text size
enter-sends = Enter sends the message
enter-sends-hint = Else Ctrl Enter does, and Enter begins a new line
up-edits = ↑ edits the last message
up-edits-hint = The upper arrow in an empty field opens your last message
privacy-read = Read marks
privacy-read-hint = When off, you do not see either what others have read
privacy-typing = Who is typing
privacy-typing-hint = When off, you do not see either that somebody types to you
privacy-presence = Who is online
privacy-presence-hint = When off, people of your node do not see whether you have a page open, and you do not see who is there. Of people elsewhere only their node is known. That your own node is online, its neighbours always see.
privacy-first = Who may write first
privacy-first-hint = Others become requests: you decide whether to answer
privacy-first-all = Everyone
privacy-first-known = Known nodes
privacy-first-none = Nobody
notify-browser = Notifications of the browser
notify-noscript = They need scripts: allow them in your browser
notify-on = Switch on
notify-off = Switch off
notify-try = Try
notify-sound = Sound
notify-preview = Show the text of the message
session-this = This session
session-seen = Last seen
session-end = End
session-end-named = End the session: { $a }
session-end-others = End all others
session-browser = { $a }, { $b }
session-program = A program with a token
session-unknown = Unknown device
password-change = Change the password
password-old = Present password
password-new = New password
password-do = Change the password
password-ends = The other sessions end.
password-locked = The password is changed. The key of the account stays under the older password: only the 24 words bring it back.
words = Recovery words
words-why = 24 words give the account back when the password is forgotten. Write them on paper and keep them apart.
words-show = Show the words
words-alone = Make sure that nobody looks at the screen
words-write = Write the words down in order. This page does not keep them.
words-secret = Whoever has these words has your account. Show them to nobody.
words-done = I have written them down
home-stopped = The data of this node is older than your messages: it seems to come from a backup.
home-renew = Write again
home-why = The data of this node is older than what you have sent: it seems to come from a backup. So that nothing gets mixed up, the node has stopped sending your messages. Type your password: the node opens a new home for you, and what is lacking comes back from the nodes of those you talk with.
home-do = Go on
recover = Recovery
recover-hint = 24 English words in order, with spaces between them
recover-do = Log in with the new password
recover-back = Back to the login
login-words = Forgot the password? Use the 24 words
reset-gone = This link does not count any more. Ask the owner of the node for a new one.
reset-make = New password
reset-make-named = New password, a link: { $a }
reset-made = Link for a new password: { $a }
reset-made-hint = Give it to this person. It counts for a day and only once.
invite-person = Invite a person
invite-made = Invitation
invite-made-hint = One person can sign up by it, within 7 days.
copy-link = Copy the link
node-name = Name of the node
node-name-hint = It stands in addresses after the @. The addresses of your people change at once.
node-fixed = Set when the node was started, not changed here
node-registration = Who may sign up
node-registration-hint = The owner of the node gives invitations
registration-open = Everyone who sees the node
registration-invite = By invitation
registration-closed = Nobody
node-people = People of the node
node-owner = owner
node-closed = closed
node-close = Close
node-close-named = Close the account: { $a }
node-open = Open
node-open-named = Open the account: { $a }
storage = Disk space
storage-kind = What
storage-size = How much
storage-messages = People, chats and messages
storage-pictures = Profile photos
storage-backup = A copy is made by
size-kb = { $a } KB
size-mb = { $a } MB
size-gb = { $a } GB
js-saved = Saved
js-not-saved = Not saved. Check the connection to the node and try again.
js-notify-ready = Off. The browser will ask for permission after the click.
js-notify-works = On in this browser
js-notify-denied = Forbidden by the browser. Allow them in the settings of the site beside the address.
js-notify-insecure = Browsers allow notifications only over HTTPS or on this computer.
notify-https = How to switch HTTPS on
notify-https-else = Here, new messages are told by the number in the title, a dot on the icon of the tab, a line at the bottom of the page, and a sound if it is on.
js-ask = Show notifications of new messages?
js-ask-yes = Turn on
js-ask-no = Not now
js-open = Open
js-notify-new = New message
js-notify-test = This is what a notification looks like
photo-choose = Upload a photo
photo-send = Send
photo-remove = Remove
photo-hint = PNG, JPEG or WebP up to 5 MB. It is cut square, and where it was taken is left out.
crop-title = Which part to show
crop-move = The photo. Move it with the mouse or the arrows.
crop-zoom = Zoom
crop-use = Use it
js-photo-large = The photo has more than 5 MB or too many pixels

# First run
welcome = Welcome
welcome-step = Step { $a } of 3
welcome-person = How others know you
welcome-name = Your address for others: { $a }
welcome-node = Your node
welcome-invite = Invite people
welcome-link = By the link one person can sign up on this node, with a nick and password of their own.
welcome-make = Make a link
welcome-only-here = At present the pages are seen on this computer only: for others, open the address of the node in its settings.
welcome-nodes = Nodes found
welcome-next = Next
welcome-skip = Skip
welcome-done = To the list of chats

# Network
network = Network
network-summary = { $nodes }, { $people }
network-nodes = { $n ->
    [one] { $n } node online
   *[other] { $n } nodes online
}
people = { $n ->
    [one] { $n } person nearby
   *[other] { $n } people nearby
}
network-add = Add a node
network-peers = Nodes
network-none = No other nodes are seen yet. Start Chater on a computer nearby or add an address.
network-dialling = Addresses being dialled
network-last-error = No answer:
network-forget = Forget
network-address = Address of the node
network-address-hint = The “Network” page of the other node shows it
network-link = Link
network-own = Your node { $a }
network-fp = Fingerprint
network-id = Node id
network-addresses = Addresses
network-no-address = No addresses yet
network-version = Chater { $a }
network-invite = How to invite a second node
network-invite-lan = Nodes on one local network find each other: start Chater on the other computer.
network-invite-far = If it is not found or far away, pass on an address: it goes into the “Network” page or into the command.
net-fp = Compare the fingerprint with the node's owner before linking.
col-link = Link
col-found = Found
col-people = People
col-waiting = Waiting
col-reply = Response
milliseconds = { $n } ms
link-connected = online
link-connecting = connecting
link-away = offline
found-lan = local network
found-manual = by address
found-gossip = by other nodes

# Other pages
group-later = Groups come in one of the next versions. For now, people can write to each other.
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
keys-unread = Next chat with new messages
keys-reply = choose the message to reply to
keys-esc = close a window or cancel the reply
keys-end = to the latest messages

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
error-429-wait = Too often. Wait { $n } s.
error-500 = Something broke on the node. Code { $a }
error-501 = This does not exist here yet
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

# How to put HTTPS in front
https-why = Browsers allow notifications, installing and copying by a button only to pages over HTTPS and to pages of the same computer. Plain HTTP over a network can be read and changed by everybody in it.
https-needs = The node itself has no HTTPS: a proxy stands before it. Below are two examples to copy.
https-proxy = 1. The proxy
https-proxy-how = A name of the internet points to your address, ports 80 and 443 are open. Caddy gets and renews the certificate by itself. The Caddyfile:
https-lan = In a local network alone: Caddy makes a certificate of its own. Its root (the command caddy trust) has to be installed once on each device.
https-nginx = The same for nginx, in a server block with your certificate. The last two lines are for messages in real time.
https-node = 2. The node
https-node-how = Tell the node under which address it is opened. It then accepts that name, and cookies are for HTTPS alone.
https-trust = For the node to see the addresses of people and not that of the proxy, add to chater.toml:
https-then = Open the node under its new address and log in. Notifications can be turned on in the settings now.

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
js-try-in = Next try in { $s } s.
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
js-state-delivered-to = Delivered to node { $a }
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
