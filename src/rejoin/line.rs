//! Lines over a stream that has a deadline as a whole: whoever sends a byte now and then gets no more time than others.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A stream whose reads and writes wait no longer than they are told.
pub trait Timed: Read + Write {
    /// Says how long the next read or write may take.
    fn wait_for(&mut self, time: Duration) -> io::Result<()>;
}

impl Timed for TcpStream {
    fn wait_for(&mut self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

impl Timed for UnixStream {
    fn wait_for(&mut self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))?;
        self.set_write_timeout(Some(time))
    }
}

/// Reads a line without its end. What comes behind it in one piece is an error: nobody here speaks before it was answered.
pub fn read_line(stream: &mut impl Timed, longest: usize, until: Instant) -> io::Result<String> {
    let mut line = Vec::new();
    let mut piece = [0; 4096];
    loop {
        stream.wait_for(left(until)?)?;
        let n = match stream.read(&mut piece) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_late(&error) => return Err(late()),
            Err(error) => return Err(error),
        };
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(piece.get(..n).unwrap_or_default());
        if let Some(end) = line.iter().position(|it| *it == b'\n') {
            if end + 1 != line.len() {
                return Err(io::Error::other("something came behind the line"));
            }
            line.truncate(end);
            return String::from_utf8(line).map_err(|_| io::Error::other("it is no text"));
        }
        if line.len() > longest {
            return Err(io::Error::other("a line is too long"));
        }
    }
}

/// Writes a line.
pub fn write_line(stream: &mut impl Timed, line: &str, until: Instant) -> io::Result<()> {
    stream.wait_for(left(until)?)?;
    let mut text = line.to_owned();
    text.push('\n');
    stream.write_all(text.as_bytes())
}

/// Says whether a read ended because its time was over.
pub fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late()) } else { Ok(left) }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it took too long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap_or_else(|error| panic!("{error}"))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(300)
    }

    #[test]
    fn a_line_is_read_in_pieces_and_ends_where_it_ends() {
        let (mut here, mut there) = pair();
        thread::spawn(move || {
            for piece in ["mem", "ber ", "new\n"] {
                let _sent = there.write_all(piece.as_bytes());
                thread::sleep(Duration::from_millis(10));
            }
            let _sent = there.write_all(b"a\nb");
            thread::sleep(Duration::from_millis(500));
        });
        assert_eq!(read_line(&mut here, 100, soon()).ok().as_deref(), Some("member new"));
        assert!(read_line(&mut here, 100, soon()).is_err());
    }

    #[test]
    fn whoever_drips_has_no_more_time_than_others() {
        let (mut here, mut there) = pair();
        thread::spawn(move || {
            while there.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        let error = read_line(&mut here, 1 << 20, soon()).err().map(|it| it.kind());
        assert_eq!(error, Some(io::ErrorKind::TimedOut));
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn what_has_no_end_or_is_no_text_is_refused() {
        for bytes in [vec![b'x'; 200], vec![0xff, b'\n'], vec![]] {
            let (mut here, mut there) = pair();
            let _sent = there.write_all(&bytes);
            drop(there);
            assert!(read_line(&mut here, 100, soon()).is_err());
        }
    }
}
