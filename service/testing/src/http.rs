//! The least that a test needs to ask a server something, without any of the code under test.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head, as sent, without the status line.
    pub head: String,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The value of a header, whatever its capitals.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Asks for `path` over a connection of its own.
///
/// # Errors
///
/// If nobody listens, or no whole answer comes within ten seconds.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    get_with(address, path, "")
}

/// As [`get`], with further header lines, each ended by `\r\n`.
///
/// # Errors
///
/// As [`get`].
pub fn get_with(address: SocketAddr, path: &str, headers: &str) -> io::Result<Answer> {
    let stream = connect(address, Duration::from_secs(10))?;
    write!(&stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n")?;
    read(stream)
}

/// Asks for `path` with any method and body, and waits for up to a minute. A body that is not taken whole is no error, if there
/// is an answer.
///
/// # Errors
///
/// As [`get`].
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
    let stream = connect(address, Duration::from_secs(60))?;
    let length = body.len();
    write!(
        &stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    )?;
    let written = (&stream).write_all(body);
    read(stream).or_else(|error| written.and(Err(error)))
}

fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

fn read(mut stream: TcpStream) -> io::Result<Answer> {
    let mut answer = Vec::new();
    // Whoever is refused in the middle of a body may find the connection reset behind the answer.
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => return Err(error),
        _ => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let (status, head) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body).ok_or_else(malformed)? } else { body.to_owned() };
    Ok(Answer { status, head: head.to_owned(), body })
}

fn unchunk(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole += rest.get(..length)?;
        body = rest.get(length + 2..)?;
    }
}
