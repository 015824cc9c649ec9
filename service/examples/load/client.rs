//! [`Client`]: requests over one connection that is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection. One that broke is opened again by the next request.
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// The status and the text of an answer.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        let was_kept = self.stream.is_some();
        let mut answer = self.try_send(method, path, key, body);
        if answer.is_err() && was_kept {
            // The service may have closed it meanwhile, as one that is idle. Each request here may be sent again.
            self.stream = None;
            answer = self.try_send(method, path, key, body);
        }
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    pub fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        self.send("GET", path, "", "")
    }

    fn try_send(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                BufReader::new(stream)
            }
        };
        let stream = self.stream.insert(stream);
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        if !key.is_empty() {
            request += &format!("idempotency-key: {key}\r\n");
        }
        if !body.is_empty() {
            // A list of stock, or anything else.
            let is_list = !body.starts_with('{');
            let kind = ["application/json", "text/csv"][usize::from(is_list)];
            let length = body.len();
            request += &format!("content-type: {kind}\r\ncontent-length: {length}\r\n");
        } else if method != "GET" {
            request += "content-length: 0\r\n";
        }
        request += "\r\n";
        request += body;
        stream.get_mut().write_all(request.as_bytes())?;
        answer(stream)
    }
}

fn answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<(u16, String)> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let (mut length, mut in_chunks) = (0, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(text) = header.strip_prefix("content-length: ") {
            length = text.parse().unwrap_or(0);
        }
        in_chunks |= header == "transfer-encoding: chunked";
    }
    let mut body = Vec::new();
    if in_chunks {
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16).unwrap_or(0);
            let had = body.len();
            stream.take(size + 2).read_to_end(&mut body)?;
            body.truncate(had + size as usize);
            if size == 0 {
                break;
            }
        }
    } else {
        stream.take(length).read_to_end(&mut body)?;
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
