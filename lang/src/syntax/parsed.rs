//! Files that were parsed, by their texts: one that has not changed since is not parsed again.

use super::ast;
use crate::diag::Problems;
use crate::source::FileId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was parsed of each text, with what was reported of it.
#[derive(Debug, Default)]
pub struct Parsed {
    files: BTreeMap<(FileId, Arc<str>), ParsedFile>,
}

#[derive(Debug)]
struct ParsedFile {
    tree: Arc<ast::File>,
    problems: Problems,
    /// Whether it was asked for since what was not read was forgotten.
    is_read: bool,
}

impl Parsed {
    /// Returns the tree of a file, and reports what parsing it reports, as [`super::parse`] does.
    pub fn file(&mut self, text: &Arc<str>, id: FileId, problems: &mut Problems) -> Arc<ast::File> {
        let parse = || {
            let mut problems = Problems::default();
            let tree = Arc::new(super::parse(text, id, &mut problems));
            ParsedFile { tree, problems, is_read: true }
        };
        let file = self.files.entry((id, text.clone())).or_insert_with(parse);
        file.is_read = true;
        problems.extend(file.problems.clone());
        file.tree.clone()
    }

    /// Forgets texts that no file had since this was asked for last.
    pub fn forget_unread(&mut self) {
        self.files.retain(|_, file| std::mem::take(&mut file.is_read));
    }
}
