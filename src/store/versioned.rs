//! Records that begin with a version: it is looked at first, as a later form may have fields that this program refuses.
//!
//! Knows no record and no file.

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Reads a record of a version, and says in a line why it cannot be used.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], version: u32) -> Result<T, String> {
    match serde_json::from_slice(bytes).map_err(|error| damaged(&error))? {
        Versioned { version: is } if is == version => {
            serde_json::from_slice(bytes).map_err(|error| damaged(&error))
        }
        Versioned { version: is } => {
            Err(format!("it has version {is}, and this kolla-lang reads version {version}"))
        }
    }
}

fn damaged(error: &serde_json::Error) -> String {
    format!("it is damaged: {error}")
}
