// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one page and the WebSocket on one port: a request is looked at before anything of it is read.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::WebSocket;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::{HeaderMap, StatusCode, Uri, header};

/// The page, with its script and style.
const PAGE: &str = include_str!("page.html");
/// A request's head is at most this long; a browser's has some hundred bytes.
const LARGEST_HEAD: usize = 8192;
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a request for the page, or opens the WebSocket that was asked for.
///
/// # Errors
/// When the client says nothing sensible, or nothing in time; it has then been told so where it can be.
pub fn accept(mut stream: TcpStream) -> io::Result<Option<WebSocket<TcpStream>>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let head = peek_head(&stream)?;
    let lower = head.to_ascii_lowercase();
    if lower.contains("\r\nupgrade: websocket") {
        let socket = tungstenite::accept_hdr(stream, check_origin);
        return socket.map(Some).map_err(|error| io::Error::other(error.to_string()));
    }
    // What was peeked at is still to be read: a socket closed over unread bytes is reset, and the answer lost.
    stream.read_exact(&mut vec![0; head.len()])?;
    let mut words = head.split(' ');
    let (status, body) = match (words.next(), words.next().and_then(|target| target.split('?').next())) {
        (Some("GET"), Some("/" | "/index.html")) => ("200 OK", PAGE),
        (Some("GET"), _) => ("404 Not Found", "there is one page here: /"),
        _ => ("405 Method Not Allowed", "only GET"),
    };
    let kind = if body.len() == PAGE.len() { "text/html" } else { "text/plain" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(None)
}

/// Waits until the whole head of the request has come, and leaves it in the socket.
fn peek_head(stream: &TcpStream) -> io::Result<String> {
    let mut bytes = vec![0; LARGEST_HEAD];
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let length = stream.peek(&mut bytes)?;
        if let Some(end) = bytes[..length].windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(String::from_utf8_lossy(&bytes[..end + 4]).into_owned());
        }
        if length == 0 || length == LARGEST_HEAD {
            break;
        }
        // More of it is on its way; peek would give the same at once.
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(io::Error::other("no whole HTTP request came"))
}

/// Refuses pages of other sites: any page in the user's browser can reach this machine's loopback.
#[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
fn check_origin(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if is_same_origin(request.headers()) {
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("this WebSocket is for its own page".to_owned()));
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    Err(refusal)
}

/// Whether the page that asks came from the address that it asks.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|origin| origin.parse::<Uri>().ok());
    let authority = origin.as_ref().and_then(Uri::authority).map(|authority| authority.as_str());
    authority.is_some() && authority == text(header::HOST)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What the client gets that sends `request` and then nothing.
    fn answer(request: &str) -> (String, io::Result<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let accepted = accept(stream).map(|socket| socket.is_some());
        let mut text = String::new();
        // A server that closes over what it did not read resets the connection.
        let _ = client.read_to_string(&mut text);
        (text, accepted)
    }

    fn upgrade(origin: &str) -> String {
        format!(
            "GET /call HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Origin: {origin}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    }

    #[test]
    fn the_page_and_nothing_else_is_served() {
        let (text, accepted) = answer("GET /?a=b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(PAGE), "{text}");
        assert!(!accepted.unwrap());
        assert!(answer("GET /../Cargo.toml HTTP/1.1\r\n\r\n").0.starts_with("HTTP/1.1 404"));
        assert!(answer("POST / HTTP/1.1\r\n\r\n").0.starts_with("HTTP/1.1 405"));
        for nothing in ["", "GET / HT", &"x".repeat(LARGEST_HEAD)] {
            assert!(answer(nothing).1.is_err());
        }
    }

    #[test]
    fn a_websocket_opens_for_its_own_page_only() {
        let (text, accepted) = answer(&upgrade("http://127.0.0.1:8080"));
        assert!(text.starts_with("HTTP/1.1 101") && accepted.unwrap(), "{text}");
        // The answer to the key of RFC 6455, section 1.3.
        assert!(text.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{text}");
        for stranger in ["http://example.org", "http://127.0.0.1:9090", "null"] {
            let (text, accepted) = answer(&upgrade(stranger));
            assert!(text.starts_with("HTTP/1.1 403") && accepted.is_err(), "{text}");
        }
    }
}
