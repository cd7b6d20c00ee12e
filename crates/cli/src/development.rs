//! What `insula up` keeps of a development installation, readable by its owner alone.

use crate::client::As;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Credentials of a development installation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Development {
    pub(crate) url: Option<String>,
    pub(crate) operator: Option<Person>,
    pub(crate) demo: Option<Demo>,
    /// What each upstream of the blueprint authenticates with, by its name.
    #[serde(default)]
    pub(crate) services: BTreeMap<String, String>,
}

/// Someone who can sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// The demo organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Demo {
    pub(crate) org: String,
    pub(crate) email: String,
    pub(crate) password: String,
    /// The first of its keys.
    pub(crate) api_key: Option<String>,
    /// The secrets of its keys, by name.
    #[serde(default)]
    pub(crate) keys: BTreeMap<String, String>,
    /// Who is in it besides the owner, by name.
    #[serde(default)]
    pub(crate) members: BTreeMap<String, Person>,
    /// Whether the calls that are made once were made.
    #[serde(default)]
    pub(crate) is_called: bool,
}

impl Development {
    fn file(data: &Path) -> PathBuf {
        data.join("development.json")
    }

    pub(crate) fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(data)).ok()?).ok()
    }

    /// Keeps it; the old state stays until the new one is whole.
    pub(crate) fn write(&self, data: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let file = Self::file(data);
        write_private(&file.with_extension("new"), &text)?;
        fs::rename(file.with_extension("new"), &file).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn person(&self, who: As) -> Option<(String, String)> {
        match who {
            As::Operator => {
                self.operator.as_ref().map(|person| (person.email.clone(), person.password.clone()))
            }
            As::Demo => self.demo.as_ref().map(|demo| (demo.email.clone(), demo.password.clone())),
        }
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), String> {
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| format!("{} can't be written: {error}", path.display()))
}
