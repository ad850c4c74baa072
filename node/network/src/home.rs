//! Addresses of this machine in the networks of the house: those that routers at home give out.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Addresses at which phones and laptops of the house can reach this machine, the one towards the router first. None = it
/// is in no such network now. Addresses of the Internet are not among them, whatever interface has them.
#[must_use]
pub fn home_addresses() -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let mut found: Vec<IpAddr> = all.iter().map(if_addrs::Interface::ip).collect();
    found.retain(|ip| is_of_a_house(*ip));
    let towards_router = towards_router();
    found.sort_by_key(|ip| (Some(*ip) != towards_router, ip.is_ipv6(), *ip));
    found.dedup();
    found
}

/// What routers at home give out (RFC 1918, RFC 4193). Link-local addresses are left out: browsers cannot name the
/// interface that they need.
fn is_of_a_house(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// The own address on the way to the Internet. Nothing is sent: the system only chooses the way.
fn towards_router() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_a_house_count() {
        for (text, counts) in [
            ("192.168.1.5", true),
            ("10.77.0.1", true),
            ("172.16.0.9", true),
            ("fd00::2", true),
            ("127.0.0.1", false),
            ("169.254.3.4", false),
            ("203.0.113.5", false),
            ("100.64.0.1", false),
            ("fe80::1", false),
            ("2001:db8::1", false),
            ("::1", false),
        ] {
            let ip: IpAddr = text.parse().expect("an address");
            assert_eq!(is_of_a_house(ip), counts, "{text}");
        }
        assert!(home_addresses().iter().all(|ip| is_of_a_house(*ip)));
    }
}
