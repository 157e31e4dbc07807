//! Connections to other hosts of a group: from this host's own address, whatever other ones it has, and from a port that only root gets
//! where the other side's is one.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_reuseaddr, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// The first port that everybody may have.
const OF_EVERYBODY: u16 = 1024;
/// Ports that only root gets and IANA gave to nobody.
const OURS: std::ops::RangeInclusive<u16> = 914..=952;
/// How many of them are tried.
const TRIES: usize = 40;
/// How long a connection may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Whether only root gets a port.
pub fn is_of_root(port: u16) -> bool {
    port < OF_EVERYBODY
}

/// Connects to another host from this address.
pub fn connect_from(own: IpAddr, other: SocketAddr) -> io::Result<TcpStream> {
    let family = if other.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let mut last = Errno::ADDRINUSE;
    for _ in 0..TRIES {
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // On Linux this is how long a connection may take too.
        set_socket_timeout(&socket, Timeout::Send, Some(WITHIN))?;
        set_socket_reuseaddr(&socket, true)?;
        let port = if is_of_root(other.port()) { draw()? } else { 0 };
        match bind(&socket, &SocketAddr::new(own, port)).and_then(|()| connect(&socket, &other)) {
            Ok(()) => return Ok(TcpStream::from(socket)),
            // Somebody has it, or had it a moment ago.
            Err(error @ (Errno::ADDRINUSE | Errno::ADDRNOTAVAIL)) => last = error,
            Err(Errno::INPROGRESS) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.into())
}

fn draw() -> io::Result<u16> {
    let n = (OURS.end() - OURS.start()) as u32 + 1;
    let drawn = getrandom::u32().map_err(io::Error::other)? % n;
    Ok(OURS.start() + drawn as u16)
}
