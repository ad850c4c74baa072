# Keeping what one has
export = My data
export-about = One JSON file: your chats with every message that you can read, and pictures of people. It is not encrypted: keep it where others cannot read it.
export-do = Download
