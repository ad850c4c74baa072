//! Greeting linked nodes again when a name, a card or an address of this node has changed: they take the node's name
//! and addresses from the greeting and ask anew for the people they know.

use std::sync::Arc;
use std::time::Duration;

use chater_network::Protocol;
use chater_protocol::id::NodeId;

use crate::pump::hello;
use crate::shared::{Shared, lock};

/// Changes within this time are one greeting.
const TOGETHER: Duration = Duration::from_millis(500);

/// Runs until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.greet.notified().await;
        tokio::time::sleep(TOGETHER).await;
        let linked: Vec<(NodeId, String)> = {
            let presence = lock(&shared.presence);
            let links = presence.links.iter();
            links
                .map(|(id, link)| (*id, link.address.clone()))
                .collect()
        };
        for (node, at) in linked {
            let shared = shared.clone();
            tokio::spawn(async move {
                let body = hello(&shared, node, &at);
                // A node that misses it learns of the change when it greets next.
                let _ = shared.network.request(node, Protocol::Hello, body).await;
            });
        }
    }
}

/// Closes the links: they are made again at once, and everything is compared anew.
pub(crate) fn meet_anew(shared: &Shared) {
    let linked: Vec<NodeId> = lock(&shared.presence).links.keys().copied().collect();
    for node in linked {
        shared.network.close(node);
    }
}
