//! Names of secrets in the places where they go, in trees that people read.
//!
//! A closure has nothing there, and neither has a host: who reads such a tree as a closure takes the names out again.

use std::collections::BTreeMap;

use super::closure::Closure;
use super::manifest::{Encode, Folder, Hole, Manifest};

/// Returns what stands for a secret where people read: `<secret NAME>`, with its part and how it is written.
pub fn words(hole: &Hole) -> String {
    let part = hole.part.as_deref().map(|part| format!(".{part}")).unwrap_or_default();
    let encode = match &hole.encode {
        Encode::Plain | Encode::Quoted => "",
        Encode::Url => " for a URL",
        Encode::Base64 => " in base64",
        Encode::Escape(_) | Encode::EscapeQuoted(_) => " escaped",
    };
    format!("<secret {}{part}{encode}>", hole.secret)
}

/// Writes what stands for secrets into their holes.
pub fn fill(bytes: &[u8], holes: &[Hole], words: impl Fn(&Hole) -> String) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut last = 0;
    for hole in holes {
        let offset = usize::try_from(hole.offset).unwrap_or(usize::MAX).clamp(last, bytes.len());
        text.extend_from_slice(&bytes[last..offset]);
        text.extend_from_slice(words(hole).as_bytes());
        last = offset;
    }
    text.extend_from_slice(&bytes[last..]);
    text
}

/// Returns a text with what stands for secrets in its holes.
pub fn named(text: &str, holes: &[Hole]) -> String {
    String::from_utf8_lossy(&fill(text.as_bytes(), holes, words)).into_owned()
}

/// Returns a closure as people read it: each hole says how many bytes stand in it.
pub fn shown(closure: &Closure) -> Closure {
    let mut shown = closure.clone();
    for_each(&mut shown, |bytes, holes| {
        *bytes = fill(bytes, holes, words);
        holes.iter_mut().for_each(|hole| hole.shown = words(hole).len() as u64);
    });
    shown
}

/// Takes out what stands in holes. Where there is less than a hole says, that is for the check of the closure to find.
pub fn hide(closure: &mut Closure) {
    for_each(closure, |bytes, holes| {
        for hole in holes {
            let from = usize::try_from(hole.offset).unwrap_or(usize::MAX).min(bytes.len());
            let to = from.saturating_add(usize::try_from(hole.shown).unwrap_or(usize::MAX)).min(bytes.len());
            bytes.drain(from..to);
            hole.shown = 0;
        }
    });
}

fn for_each(closure: &mut Closure, with: impl Fn(&mut Vec<u8>, &mut [Hole])) {
    let Closure { manifest: Manifest { folders, .. }, files } = closure;
    // A file that two folders name has its text once.
    let mut done: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for file in
        folders.iter_mut().flat_map(|Folder { files, .. }| files).filter(|file| !file.holes.is_empty())
    {
        let Some(text) = files.get(&file.path) else { continue };
        let mut bytes = text.bytes.clone();
        with(&mut bytes, &mut file.holes);
        done.insert(file.path.clone(), bytes);
    }
    for (path, bytes) in done {
        if let Some(text) = files.get_mut(&path) {
            text.bytes = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Backend, Delivery, FolderFile, Format};

    #[test]
    fn what_stands_in_holes_is_taken_out_again() {
        let hole = |offset, secret: &str, part: Option<&str>| Hole {
            offset,
            secret: secret.to_owned(),
            part: part.map(str::to_owned),
            encode: Encode::Plain,
            escapes: BTreeMap::new(),
            limits: Vec::new(),
            shown: 0,
        };
        let file = FolderFile {
            name: "f".to_owned(),
            path: "files/a/f".to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o600,
            format: Format::Text,
            holes: vec![hole(2, "db/root", None), hole(2, "key", Some("hash")), hole(5, "db/root", None)],
        };
        let mut closure = Closure::new(Manifest::new("c", "h", Backend::Quadlet, "0"));
        closure.add_folder("a.service", Delivery::Content, vec![(file, b"a=;b=".to_vec())]);
        let mut read = shown(&closure);
        let text = read.files["files/a/f"].bytes.clone();
        assert_eq!(String::from_utf8_lossy(&text), "a=<secret db/root><secret key.hash>;b=<secret db/root>");
        hide(&mut read);
        assert_eq!(read, closure);
        // One that is damaged is left to whoever checks it.
        read.manifest.folders[0].files[0].holes[2].shown = u64::MAX;
        read.manifest.folders[0].files[0].holes[1].offset = u64::MAX;
        hide(&mut read);
        assert_eq!(read.files["files/a/f"].bytes, b"a=;b=");
    }
}
