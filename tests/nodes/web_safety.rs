//! Other pages and other machines: Host, Origin, cross-site forms, slow and half-sent requests.

use std::time::{Duration, Instant};

use chater_tests::{PASSWORD, Socket, TestNode, story};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[test]
fn only_names_of_this_node_get_a_page() {
    story(60, async {
        let node = TestNode::start("dom").await;
        let port = node.web().port();
        let status = async |host: String| {
            node.api()
                .request("GET", "/login", &[("Host", &host)], b"")
                .await
                .unwrap()
        };
        for host in [
            format!("localhost:{port}"),
            format!("127.0.0.1:{port}"),
            format!("[::1]:{port}"),
            format!("LOCALHOST:{port}"),
        ] {
            let answer = status(host.clone()).await;
            // Without a user every page leads to the first registration.
            assert!(
                [200, 302, 303, 307].contains(&answer.status),
                "{host}: {}",
                answer.status
            );
        }
        for host in [
            format!("evil.example:{port}"),
            format!("localhost.evil.example:{port}"),
            format!("user@localhost:{port}"),
            String::new(),
        ] {
            let answer = status(host.clone()).await;
            assert!(
                [400, 403].contains(&answer.status),
                "{host:?}: {}",
                answer.status
            );
            assert!(!answer.text().contains("<form"), "no page for {host:?}");
        }
        let answer = node
            .api()
            .raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
        let twice = format!(
            "GET /login HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        );
        let answer = node.api().raw(twice.as_bytes()).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 4"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    });
}

#[test]
fn a_login_form_of_another_site_is_refused() {
    story(60, async {
        let node = TestNode::start("dom").await;
        node.registers("alice").await;
        let port = node.web().port();
        let own = format!("http://localhost:{port}");
        let body = format!("nick=alice&password={}", PASSWORD.replace(' ', "+"));
        let post = async |headers: &[(&str, &str)]| {
            let headers: Vec<_> = headers.iter().copied().chain([FORM]).collect();
            node.api()
                .request("POST", "/login", &headers, body.as_bytes())
                .await
                .unwrap()
        };
        let rebound = format!("http://evil.example:{port}");
        for headers in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", rebound.as_str())],
            &[("Origin", "null")],
            &[("Origin", "http://localhost:1")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "same-site"), ("Origin", own.as_str())],
            &[("Host", "evil.example"), ("Origin", "http://evil.example")],
        ] {
            let answer = post(headers).await;
            assert_eq!(answer.status, 403, "{headers:?}");
            assert!(answer.header("set-cookie").is_none(), "{headers:?}");
        }
        let answer = post(&[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]).await;
        assert!([302, 303].contains(&answer.status), "{}", answer.status);
        let cookie = answer
            .header("set-cookie")
            .expect("a session")
            .to_lowercase();
        for word in ["chater_", "httponly", "samesite=lax", "path=/"] {
            assert!(cookie.contains(word), "{word} in {cookie}");
        }
    });
}

#[test]
fn the_browsers_socket_wants_our_origin_and_a_session() {
    story(60, async {
        let node = TestNode::start("dom").await;
        let alice = node.registers("alice").await;
        let port = node.web().port();
        let own = format!("http://localhost:{port}");
        let knock =
            async |headers: &[(&str, &str)]| Socket::knock(node.web(), "/live", headers).await;
        assert_eq!(
            knock(&[("origin", "https://evil.example")]).await,
            Err("403".into())
        );
        assert_eq!(knock(&[]).await, Err("403".into()));
        assert!(
            knock(&[("origin", &own)]).await.is_err(),
            "no session, no socket"
        );
        let bearer = format!("Bearer {}", alice.token());
        let api = async |headers: &[(&str, &str)]| {
            Socket::knock(node.web(), "/api/v1/socket", headers).await
        };
        assert_eq!(api(&[]).await, Err("401".into()));
        assert_eq!(
            api(&[("authorization", "Bearer cht_nonsense")]).await,
            Err("401".into())
        );
        assert_eq!(
            api(&[
                ("authorization", &bearer),
                ("origin", "https://evil.example")
            ])
            .await,
            Err("403".into())
        );
        assert_eq!(api(&[("authorization", &bearer)]).await, Ok(()));
    });
}

#[test]
fn every_page_is_kept_in_its_place() {
    story(60, async {
        let node = TestNode::start("dom").await;
        for path in ["/register", "/login", "/nothing"] {
            let answer = node.api().request("GET", path, &[], b"").await.unwrap();
            let policy = answer
                .header("content-security-policy")
                .unwrap_or_default()
                .to_owned();
            assert!(
                policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"),
                "{path}: {policy}"
            );
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{path}"
            );
        }
    });
}

/// Reads until the node closes; gives how long that took.
async fn closed_after(mut stream: TcpStream, limit: Duration) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(limit, stream.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "still open after {limit:?}");
    started.elapsed()
}

#[test]
fn half_sent_requests_are_closed_and_others_are_served_meanwhile() {
    story(150, async {
        let node = TestNode::start("dom").await;
        let limit = Duration::from_secs(90);
        let mut waiting = Vec::new();
        let port = node.web().port();
        let halves = [
            String::new(),
            "GET / HT".into(),
            format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nX-Slow: "),
            format!(
                "POST /api/v1/sessions HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
            ),
        ];
        for half in &halves {
            let mut stream = TcpStream::connect(node.web()).await.unwrap();
            stream.write_all(half.as_bytes()).await.unwrap();
            waiting.push(tokio::spawn(closed_after(stream, limit)));
        }
        // One that gives a header byte now and then, for as long as it is let.
        let mut dripping = TcpStream::connect(node.web()).await.unwrap();
        dripping
            .write_all(format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nX-Slow: ").as_bytes())
            .await
            .unwrap();
        let (mut reader, mut writer) = dripping.into_split();
        let drip = tokio::spawn(async move {
            while writer.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let dripped = tokio::spawn(async move {
            let mut rest = Vec::new();
            tokio::time::timeout(limit, reader.read_to_end(&mut rest))
                .await
                .is_ok()
        });
        assert_eq!(
            node.api()
                .request("GET", "/healthz", &[], b"")
                .await
                .unwrap()
                .status,
            200
        );
        for (half, task) in halves.iter().zip(waiting) {
            println!("{half:?} closed after {:?}", task.await.unwrap());
        }
        assert!(dripped.await.unwrap(), "a dripping request is closed");
        drip.abort();
    });
}

#[test]
fn heads_that_are_too_long_are_refused() {
    story(60, async {
        let node = TestNode::start("dom").await;
        let long = "a".repeat(200_000);
        let answer = node
            .api()
            .request("GET", "/login", &[("X-Long", &long)], b"")
            .await;
        assert!(answer.map_or(true, |answer| [400, 413, 414, 431].contains(&answer.status)));
        let answer = node
            .api()
            .request("GET", &format!("/{long}"), &[], b"")
            .await;
        assert!(answer.map_or(true, |answer| {
            [400, 404, 413, 414, 431].contains(&answer.status)
        }));
        assert_eq!(
            node.api()
                .request("GET", "/healthz", &[], b"")
                .await
                .unwrap()
                .status,
            200
        );
    });
}
