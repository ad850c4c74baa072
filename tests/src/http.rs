//! A very small HTTP/1.1 client: one connection a request, so that every header and byte is ours to choose.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing here takes longer, unless something hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `code` of the error object.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// `field` of the error object.
    #[must_use]
    pub fn field(&self) -> String {
        self.json()["error"]["field"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Insists on a status.
    ///
    /// # Panics
    /// It is another one.
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "often only the check is wanted"
    )]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// The API of one node, as nobody or as one user.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    /// The token, when signed in.
    pub token: Option<String>,
}

impl Api {
    /// As nobody.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            token: None,
        }
    }

    /// GET below `/api/v1`.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// POST of JSON below `/api/v1`.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    /// Any call below `/api/v1`.
    ///
    /// # Panics
    /// The node does not answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(method, path, body)
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Any call below `/api/v1`, to a node that may be gone.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<Answer> {
        let body = body.map(|body| body.to_string().into_bytes());
        let kind = body.as_ref().map(|_| ("Content-Type", "application/json"));
        let headers: Vec<(&str, &str)> = kind.into_iter().collect();
        self.request(
            method,
            &format!("/api/v1{path}"),
            &headers,
            &body.unwrap_or_default(),
        )
        .await
    }

    /// Any request, with headers of one's own; Host is added when it is not among them.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str(&format!("Host: localhost:{}\r\n", self.address.port()));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        let answer = self.raw(&bytes).await?;
        parse(&answer).ok_or_else(|| {
            std::io::Error::other(format!(
                "no HTTP answer: {:?}",
                String::from_utf8_lossy(&answer)
            ))
        })
    }

    /// Sends these bytes and reads until the node closes.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn raw(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            // A refused body may be answered and closed while we still write.
            let written = stream.write_all(bytes).await;
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer).await {
                Ok(_) => {}
                Err(_) if !answer.is_empty() => {}
                Err(error) => return Err(error),
            }
            if answer.is_empty() {
                written?;
            }
            Ok(answer)
        };
        tokio::time::timeout(LIMIT, talk)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &bytes[end + 4..];
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
    let body = if chunked {
        dechunk(rest)?
    } else {
        rest.to_vec()
    };
    Some(Answer {
        status,
        headers,
        body,
    })
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(
            std::str::from_utf8(&rest[..end])
                .ok()?
                .split(';')
                .next()?
                .trim(),
            16,
        )
        .ok()?;
        if size == 0 {
            return Some(body);
        }
        rest = rest.get(end + 2..)?;
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_body_are_read() {
        let plain =
            parse(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!(
            (plain.status, plain.header("x-a"), plain.body.as_slice()),
            (404, Some("b"), &b"{}"[..])
        );
        let chunked = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!(chunked.body, b"abcd");
        assert!(parse(b"nonsense").is_none());
    }
}
