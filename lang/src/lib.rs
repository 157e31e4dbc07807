//! The language kl: text to typed, merged, explained values. It has never heard of a host.
