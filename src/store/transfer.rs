//! Brings objects from one machine's store into another's: what is missing is asked for, then sent as one stream.
//!
//! ```text
//! <64 digits> <bytes>\n<the bytes>…   for each object
//! end <objects>\n                     so that a stream that was cut off is known to be
//! ```
//!
//! Knows no network: whoever calls has the two ends of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read as _, Write};

use super::StoreError;
use super::digest::Digest;
use super::objects::Store;
use super::tree::Listing;

/// The longest object that is taken, in bytes: far above any file of a closure.
const LONGEST: u64 = 1 << 30;
/// The longest line between objects, in bytes.
const LONGEST_LINE: u64 = 100;

/// Why objects did not arrive. Those before the failure are in the store, and whole.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TransferError {
    #[error("what was sent cannot be read")]
    Read(#[source] io::Error),
    #[error("what was sent ends in the middle, after {taken} objects")]
    Cut { taken: u64 },
    #[error("what was sent is no stream of objects, after {taken} of them")]
    Form { taken: u64 },
    #[error("the object {digest} arrived as something else")]
    Other { digest: Digest },
    #[error("the object {digest} was sent, and nobody asked for it")]
    Unasked { digest: Digest },
    #[error("what was sent lacks the closure {digest}, or objects of it")]
    Lacks { digest: Digest },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes objects as a stream.
pub fn send<'a>(
    objects: impl IntoIterator<Item = (&'a Digest, &'a [u8])>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let mut count = 0;
    for (digest, bytes) in objects {
        writeln!(to, "{digest} {}", bytes.len())?;
        to.write_all(bytes)?;
        count += 1;
    }
    writeln!(to, "end {count}")?;
    to.flush()
}

impl Store {
    /// Returns those of some objects that are not here, or are damaged.
    pub fn missing(&self, wanted: &[Digest]) -> Vec<Digest> {
        wanted.iter().filter(|digest| self.get(digest).is_err()).cloned().collect()
    }

    /// Takes a stream of objects and returns how many there were. Each is compared with its name before it has it.
    pub fn receive(&self, from: &mut dyn BufRead) -> Result<u64, TransferError> {
        each_object(from, &mut |digest, bytes| Ok(self.replace(&digest, &bytes)?))
    }

    /// Takes a closure, and nothing else: a stream that holds what is no part of it, or lacks a part, leaves nothing behind.
    pub fn receive_closure(&self, closure: &Digest, mut stream: &[u8]) -> Result<(), TransferError> {
        let mut objects = BTreeMap::new();
        each_object(&mut stream, &mut |digest, bytes| {
            objects.insert(digest, bytes);
            Ok(())
        })?;
        let lacks = || TransferError::Lacks { digest: closure.clone() };
        let listing = objects.get(closure).ok_or_else(lacks)?;
        let listing: Listing = serde_json::from_slice(listing).map_err(|_| lacks())?;
        let mut wanted: BTreeSet<&Digest> = listing.files.values().map(|it| &it.digest).collect();
        wanted.insert(closure);
        if let Some(digest) = objects.keys().find(|it| !wanted.contains(it)) {
            return Err(TransferError::Unasked { digest: digest.clone() });
        }
        if wanted.len() != objects.len() {
            return Err(lacks());
        }
        // The listing last: where it is, all others are.
        for (digest, bytes) in objects.iter().filter(|(digest, _)| *digest != closure) {
            self.replace(digest, bytes)?;
        }
        Ok(self.replace(closure, &objects[closure])?)
    }
}

/// Reads a stream of objects, each compared with its name, and returns how many there were.
fn each_object(
    from: &mut dyn BufRead,
    take: &mut dyn FnMut(Digest, Vec<u8>) -> Result<(), TransferError>,
) -> Result<u64, TransferError> {
    let mut taken = 0;
    loop {
        let mut line = String::new();
        from.take(LONGEST_LINE).read_line(&mut line).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => TransferError::Form { taken },
            _ => TransferError::Read(error),
        })?;
        let Some(line) = line.strip_suffix('\n') else { return Err(TransferError::Cut { taken }) };
        let form = || TransferError::Form { taken };
        let (first, number) = line.split_once(' ').ok_or_else(form)?;
        let number: u64 = number.parse().map_err(|_| form())?;
        if first == "end" {
            return if number == taken { Ok(taken) } else { Err(form()) };
        }
        let digest: Digest = first.parse().map_err(|_| form())?;
        if number > LONGEST {
            return Err(form());
        }
        let mut bytes = Vec::new();
        from.take(number).read_to_end(&mut bytes).map_err(TransferError::Read)?;
        if bytes.len() as u64 != number {
            return Err(TransferError::Cut { taken });
        }
        if Digest::of(&bytes) != digest {
            return Err(TransferError::Other { digest });
        }
        take(digest, bytes)?;
        taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Closure;
    use crate::manifest::parse_manifest;
    use crate::packed::Packed;

    fn closure() -> Closure {
        let text = r#"{"version":1,"cloud":"t","host":"a","backend":"quadlet","engine":"0"}"#;
        let mut closure = Closure::new(parse_manifest(text).unwrap_or_else(|error| panic!("{error}")));
        closure.add_file("quadlet/a/a.container", "[Container]\nImage=x\n", 0o644);
        closure.add_file("secrets/a.age", "", 0o600);
        closure
    }

    fn sent<'a>(objects: impl IntoIterator<Item = (&'a Digest, &'a [u8])>) -> Vec<u8> {
        let mut stream = Vec::new();
        send(objects, &mut stream).unwrap_or_else(|error| panic!("{error}"));
        stream
    }

    #[test]
    fn a_closure_arrives_as_it_was_sent_and_is_then_missing_nothing() -> Result<(), TransferError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store = Store::open(root.path())?;
        let closure = closure();
        let packed = Packed::of(&closure)?;
        assert_eq!(*packed.digest(), closure.digest());
        let names: Vec<Digest> = packed.objects().map(|(digest, _)| digest.clone()).collect();
        assert_eq!(store.missing(&names), names);
        assert_eq!(store.receive(&mut sent(packed.objects()).as_slice())?, names.len() as u64);
        assert!(store.missing(&names).is_empty());
        assert_eq!(store.load(packed.digest())?, closure);
        Ok(())
    }

    #[test]
    fn a_closure_is_taken_whole_and_with_nothing_beside_it() -> Result<(), TransferError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store = Store::open(root.path())?;
        let closure = closure();
        let packed = Packed::of(&closure)?;
        let extra = Digest::of(b"extra");
        let all: Vec<_> = packed.objects().collect();
        let mut more = all.clone();
        more.insert(0, (&extra, b"extra"));
        let refused = store.receive_closure(packed.digest(), &sent(more));
        assert!(matches!(refused, Err(TransferError::Unasked { digest }) if digest == extra));
        for left_out in 0..all.len() {
            let mut fewer = all.clone();
            let (digest, _) = fewer.remove(left_out);
            if !fewer.iter().any(|(it, _)| *it == digest) {
                let refused = store.receive_closure(packed.digest(), &sent(fewer));
                assert!(matches!(refused, Err(TransferError::Lacks { .. })), "{left_out}: {refused:?}");
            }
        }
        assert!(store.missing(&[extra, packed.digest().clone()]).len() == 2);
        store.receive_closure(packed.digest(), &sent(all))?;
        assert_eq!(store.load(packed.digest())?, closure);
        Ok(())
    }

    #[test]
    fn what_is_cut_off_or_changed_on_its_way_is_refused() -> Result<(), TransferError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store = Store::open(root.path())?;
        let closure = closure();
        let packed = Packed::of(&closure)?;
        let stream = sent(packed.objects());
        for n_bytes in 0..stream.len() {
            let error = store.receive(&mut &stream[..n_bytes]);
            assert!(matches!(error, Err(TransferError::Cut { .. })), "{n_bytes}: {error:?}");
        }
        for at in 0..stream.len() {
            let mut changed = stream.clone();
            changed[at] ^= 0x20;
            assert!(store.receive(&mut changed.as_slice()).is_err(), "{at}");
        }
        store.receive(&mut stream.as_slice())?;
        assert_eq!(store.load(packed.digest())?, closure);
        Ok(())
    }

    #[test]
    fn a_damaged_object_is_missing_and_is_replaced() -> Result<(), TransferError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store = Store::open(root.path())?;
        let closure = closure();
        let packed = Packed::of(&closure)?;
        let digest = packed.digest();
        store.receive(&mut sent(packed.objects()).as_slice())?;
        let (front, rest) = digest.as_str().split_at(2);
        let path = root.path().join("objects").join(front).join(rest);
        let length = packed.objects().find(|(it, _)| *it == digest).map_or(0, |(_, bytes)| bytes.len());
        let damaged = vec![b'x'; length];
        crate::files::write_atomic(&path, &damaged, 0o444).map_err(StoreError::from)?;
        assert_eq!(store.missing(std::slice::from_ref(digest)), std::slice::from_ref(digest));
        store.receive(&mut sent(packed.objects()).as_slice())?;
        assert_eq!(store.load(digest)?, closure);
        Ok(())
    }
}
