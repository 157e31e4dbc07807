//! How many are heard at once. Each address has seats of its own, and whoever came last gets the seat of the one that was longest there
//! without having proved anything: strangers keep no host out.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many of one address are heard at once; a host has one conversation, or two where it lost the end of one.
const SEATS: usize = 16;

/// All that are heard.
#[derive(Debug, Default)]
pub struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    all: VecDeque<Seat>,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    from: IpAddr,
    stream: TcpStream,
    is_proven: bool,
}

impl Seats {
    /// Takes a seat and returns its number; none if all of this address have proved who they are.
    pub fn take(&self, from: IpAddr, stream: &TcpStream) -> io::Result<Option<u64>> {
        let stream = stream.try_clone()?;
        let mut taken = self.taken();
        if taken.all.iter().filter(|it| it.from == from).count() >= SEATS {
            let Some(place) = taken.all.iter().position(|it| it.from == from && !it.is_proven) else {
                return Ok(None);
            };
            if let Some(seat) = taken.all.remove(place) {
                // Whoever went away already needs no end.
                let _gone = seat.stream.shutdown(Shutdown::Both);
            }
        }
        taken.last += 1;
        let number = taken.last;
        taken.all.push_back(Seat { number, from, stream, is_proven: false });
        Ok(Some(number))
    }

    /// Notes that whoever has a seat proved who it is.
    pub fn proves(&self, number: u64) {
        self.taken().all.iter_mut().filter(|it| it.number == number).for_each(|it| it.is_proven = true);
    }

    /// Leaves a seat.
    pub fn leave(&self, number: u64) {
        self.taken().all.retain(|it| it.number != number);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
