//! A closure as a store keeps it: objects by digest, lent from where they are. Stores and sends nothing.

use super::closure::Closure;
use super::digest::Digest;
use super::tree::{Entry, Listing};
use super::{StoreError, check};

/// A closure with all that a store keeps of it.
#[derive(Debug)]
pub struct Packed<'a> {
    closure: &'a Closure,
    manifest: String,
    listing: Listing,
    /// The listing's text, which names the closure.
    text: String,
    digest: Digest,
}

impl<'a> Packed<'a> {
    /// Packs a closure, unless no store could keep it.
    pub fn of(closure: &'a Closure) -> Result<Self, StoreError> {
        check::check(closure)?;
        let manifest = closure.manifest.to_text();
        let listing = Listing::of(closure, &manifest);
        let text = listing.to_text();
        let digest = Digest::of(text.as_bytes());
        Ok(Self { closure, manifest, listing, text, digest })
    }

    /// Returns the digest that names the closure.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the objects, the listing last: where it is, all others are. Files of the same bytes are one object, given each time.
    pub fn objects(&self) -> impl Iterator<Item = (&Digest, &[u8])> {
        let files = self.listing.files.iter().map(|(path, Entry { digest, mode: _ })| {
            // The manifest is the one file of a listing that is none of the closure's.
            let bytes = self.closure.files.get(path).map_or(self.manifest.as_bytes(), |file| &file.bytes);
            (digest, bytes)
        });
        files.chain([(&self.digest, self.text.as_bytes())])
    }
}
