//! `insula blueprint`: check a blueprint, show its schema, say what it would change, put it in force.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Failed, Output},
};
use clap::Subcommand;
use insula_blueprint::Diagnostics;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum BlueprintCommand {
    /// Report every mistake in a blueprint, with its place and what would be right.
    Check {
        /// The blueprint's directory or file.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
    /// Print the JSON Schema of blueprints, for editors.
    Schema,
    /// Say what a blueprint would change on a running installation, and which organizations gain, lose or pay what.
    Plan {
        /// The blueprint's directory or file.
        #[arg(default_value = ".")]
        path: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Put a blueprint in force on a running installation.
    Apply {
        /// The blueprint's directory or file.
        #[arg(default_value = ".")]
        path: PathBuf,
        #[command(flatten)]
        target: Target,
    },
}

pub(crate) fn run(command: &BlueprintCommand, output: &Output) -> Outcome {
    match command {
        BlueprintCommand::Check { path } => check(path, output),
        BlueprintCommand::Schema => {
            output.plain(&serde_json::to_string_pretty(&insula_blueprint::schema()).unwrap_or_default());
            Ok(())
        }
        BlueprintCommand::Plan { path, target } => plan(path, target, output),
        BlueprintCommand::Apply { path, target } => apply(path, target, output),
    }
}

fn check(path: &Path, output: &Output) -> Outcome {
    match insula_app::operations().load(path) {
        Err(mistakes) => Err(found(&mistakes)),
        Ok(blueprint) => {
            let warnings = blueprint.warnings();
            let text = if warnings.is_empty() { String::new() } else { format!("{warnings}\n") };
            let name = path.display();
            output.result(&format!("{text}{name}: no mistakes"), &json!({ "diagnostics": warnings }));
            Ok(())
        }
    }
}

fn found(mistakes: &Diagnostics) -> Failed {
    Failed::mistakes(format!("the blueprint has mistakes\n\n{mistakes}"), json!({ "diagnostics": mistakes }))
}

/// The text of a blueprint that has no mistakes.
fn source(path: &Path) -> Result<String, Failed> {
    let file = if path.is_dir() { path.join(insula_blueprint::FILE_NAME) } else { path.to_owned() };
    if let Err(mistakes) = insula_app::operations().load(&file) {
        return Err(found(&mistakes));
    }
    let text = std::fs::read_to_string(&file);
    Ok(text.map_err(|error| format!("{} can't be read: {error}", file.display()))?)
}

fn plan(path: &Path, target: &Target, output: &Output) -> Outcome {
    let source = source(path)?;
    let client = Client::connect(target, As::Operator, None)?;
    let effects = client.post("/v1/operator/blueprint/plan", &json!({ "source": source }))?;
    output.result(&crate::plan::shown(&effects), &effects);
    Ok(())
}

fn apply(path: &Path, target: &Target, output: &Output) -> Outcome {
    let source = source(path)?;
    let client = Client::connect(target, As::Operator, None)?;
    let reply = client.post("/v1/operator/blueprint", &json!({ "source": source }))?;
    let version = &reply["version"];
    let text = if reply["changed"] == json!(true) {
        format!("Version {version} is in force.")
    } else {
        format!("Version {version} is in force already; nothing was changed.")
    };
    output.result(&text, &reply);
    Ok(())
}
