//! Asks the questions of gates that go over the network: does something listen, does a server answer as it should.
//!
//! Each question is asked once, with a time limit; when it is asked again is the gate's business.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As it should be.
    Good,
    /// Not as it should be: what came instead, in words.
    Bad(String),
}

/// Asks whether something accepts connections.
pub fn tcp(address: IpAddr, port: u16, within: Duration) -> Answer {
    match TcpStream::connect_timeout(&SocketAddr::new(address, port), within) {
        Ok(_) => Answer::Good,
        Err(error) => Answer::Bad(error.to_string()),
    }
}

/// Asks a server for a path, and wants this status. A redirect is an answer like others.
pub fn http(address: IpAddr, port: u16, path: &str, status: u16, within: Duration) -> Answer {
    // A proxy that the environment names is for the world outside, and never asked about this host.
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(within))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .build()
        .into();
    match agent.get(format!("http://{}{path}", SocketAddr::new(address, port))).call() {
        Ok(answer) if answer.status().as_u16() == status => Answer::Good,
        Ok(answer) => Answer::Bad(format!("status {}", answer.status().as_u16())),
        Err(error) => Answer::Bad(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SOON: Duration = Duration::from_millis(500);

    /// Answers one request with these bytes, or with nothing for as long as it is asked.
    fn server(answer: &'static str) -> u16 {
        let listener = TcpListener::bind((HERE, 0)).unwrap_or_else(|error| panic!("{error}"));
        let port = listener.local_addr().unwrap_or_else(|error| panic!("{error}")).port();
        std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut request = [0; 512];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            if answer.is_empty() {
                std::thread::sleep(2 * SOON);
            }
        });
        port
    }

    #[test]
    fn a_status_is_compared_and_a_redirect_is_not_followed() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(http(HERE, server(ok), "/", 200, SOON), Answer::Good);
        assert_eq!(http(HERE, server(ok), "/", 204, SOON), Answer::Bad("status 200".to_owned()));
        assert_eq!(http(HERE, server(moved), "/a", 302, SOON), Answer::Good);
    }

    #[test]
    fn silence_ends_with_the_time_limit() {
        let began = std::time::Instant::now();
        assert!(matches!(http(HERE, server(""), "/", 200, SOON), Answer::Bad(_)));
        assert!(began.elapsed() < 2 * SOON);
    }

    #[test]
    fn a_port_listens_or_not() {
        assert_eq!(tcp(HERE, server(""), SOON), Answer::Good);
        let closed = TcpListener::bind((HERE, 0)).and_then(|it| it.local_addr()).map(|it| it.port());
        assert!(matches!(tcp(HERE, closed.unwrap_or(1), SOON), Answer::Bad(_)));
    }
}
