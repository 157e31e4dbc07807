//! Definitions of one tree: their strengths, and the index by path. Nothing is evaluated here.

pub mod trie;
