# The home network: pages for the phones and laptops of the house
house = Home network
house-hint = Opens the pages to phones and laptops that are on the same network as this computer. Switch it off on a network of others, as in a café.
house-is-on = On
house-is-off = Off
house-on = Open
house-off = Close
house-on-named = Open to the home network
house-off-named = Close to the home network
house-open = On a phone or laptop of the house open the address, or point the camera at the code:
house-copy = Copy the address { $a }
house-invited = From another device one registers by an invitation: below, under “People of the node”.
house-everybody = Everybody on this network may register: that is what you chose above.
house-nowhere = This computer has no address in a home network now. As soon as it has one, it stands here.
house-taken = Another program has the address { $a }. Stop it, or start the node with another port (--web-addr).
house-fault = The address { $a } could not be opened:
house-plain = Inside the house the pages go by HTTP, without encryption: whoever is on this network can overhear passwords and messages. Browsers show no notifications at such addresses.
