//! Whether multicast goes out and comes back on this machine: without it nodes on the LAN are not found.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::UdpSocket;

/// The group of mDNS.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// On one machine it takes microseconds.
const PATIENCE: Duration = Duration::from_millis(300);

/// Sends a word to the group and waits for it. It shows that there is a network with multicast here; what the switch or
/// the access point does with it, only another node can show.
pub async fn multicast_returns() -> bool {
    let word = *b"chater: is anybody here?";
    let round = async {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED)?;
        socket.set_multicast_loop_v4(true)?;
        // A port of our own: nobody else takes the word for a question.
        let port = socket.local_addr()?.port();
        socket.send_to(&word, (GROUP, port)).await?;
        let mut heard = [0; 64];
        loop {
            let (length, _) = socket.recv_from(&mut heard).await?;
            if heard.get(..length) == Some(&word[..]) {
                return std::io::Result::Ok(());
            }
        }
    };
    matches!(tokio::time::timeout(PATIENCE, round).await, Ok(Ok(())))
}
